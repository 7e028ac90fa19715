//! Twin: a disk that is slow, and works.

use std::time::Duration;

use reenact::{
    fault::SlowDevice,
    incident::*,
    probe::{Answer, Observation, Signal},
};

use super::super::{Blobstore, DISK, Setup, VM};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::twin_slow_disk",
        story: "The storage is busy: every write to the disk takes 150 ms longer, a synced one most of a second. Then \
                for a while the disk does not answer within three seconds. It is neither read-only nor broken, and a \
                remount or a check would only add to it.",
        source: "issue: a slow disk",
        setup: Setup { slowable: true, ..Setup::PLAIN },
        acts: vec![Act::benign(
            [150, 1000]
                .into_iter()
                .flat_map(slow_for_a_while)
                .chain([shown("a write that hung", hung), heals_itself(secs(30)), quiet(secs(3))])
                .collect(),
            secs(30)
        )],
    }
);

/// Each write takes so many milliseconds longer, for six seconds.
fn slow_for_a_while(ms: u64) -> [Action<Blobstore>; 3] {
    let slow = SlowDevice { node: VM.into(), device: DISK.into(), by: Duration::from_millis(ms) };
    [inject_as("slow", slow), quiet(secs(6)), heal("slow")]
}

/// Whether the service's write was ever given up on.
fn hung(seen: &[Observation]) -> bool {
    let gave_up = |signal: &Signal| matches!(signal, Signal::Query { of, answer: Answer::Hung { .. } } if of.starts_with("write:"));
    seen.iter().any(|observation| gave_up(&observation.signal))
}
