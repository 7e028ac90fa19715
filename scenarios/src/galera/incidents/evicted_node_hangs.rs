//! A server that hangs for longer than its group waits for it.

use reenact::{
    fault::{Kill, Signal},
    incident::*,
};

use super::super::{
    Galera, MARIADBD, Machines,
    detectors::{EVICTED_NODE, MINORITY_PARTITION, STALLED_NODE},
    report,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::evicted_node_hangs",
        story: "n3's server is frozen and stays so. After five seconds the others evict it and go on: their writes are \
                well again, and no status of theirs shows more than a size of two. Clients that meet n3 hang, for its \
                kernel still accepts them. Thawed, it joins again by itself.",
        source: "measured facts, other faults: SIGSTOP 12 s",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![inject(Kill { node: "n3".into(), process: MARIADBD.into(), signal: Signal::Stop })],
            fingerprints: seen(report::HANGS, secs(20)),
            detected: by(EVICTED_NODE, secs(40)).also(&[STALLED_NODE, MINORITY_PARTITION]),
            control: none("thawed, it goes on by itself"),
            wrong: none("nothing was acknowledged by it alone, and nobody waits for it: there is nothing to bootstrap"),
            ends: by_itself(secs(40)),
        }],
    }
);
