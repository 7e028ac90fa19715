//! Twin: the migration of the report to a disk that is large enough.

use reenact::{
    incident::*,
    probe::{Observation, Signal},
};

use super::super::{Blobstore, NEW_DISK, Setup, VM, blob::Sizes};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::twin_migration_succeeds",
        story: "The deploy that the report's operators meant: the blobs move to a larger disk. For its time the jobs \
                are stopped, monit shows none of them, PUTs are refused, and the old disk is mounted read-only, all \
                as in the incident.",
        source: "report 004, what was planned (300 GB to 500 GB)",
        setup: Setup { new_disk: Some(500), sizes: Sizes { large_until: BLOBS }, ..Setup::PLAIN },
        acts: vec![Act::benign(
            vec![
                writes(BLOBS as usize, secs(30)),
                command(VM, &["director", "deploy", NEW_DISK]),
                heals_itself(secs(30)),
                quiet(secs(3)),
                shown("the old disk mounted read-only", was_mounted_read_only),
            ],
            secs(30)
        )],
    }
);

const BLOBS: u64 = 120;

/// By the kernel's log: the mount table may show it for less time than lies between two looks.
fn was_mounted_read_only(seen: &[Observation]) -> bool {
    let mounted = |line: &str| line.contains("mounted filesystem") && line.contains(" ro with ");
    seen.iter().any(|observation| matches!(&observation.signal, Signal::Kernel { line } if mounted(line)))
}
