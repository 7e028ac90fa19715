//! A server that hangs, and still counts as a member.

use reenact::{
    fault::{Kill, Signal},
    incident::*,
};

use super::super::{
    Galera, MARIADBD, Machines,
    detectors::{MINORITY_PARTITION, STALLED_NODE},
    report,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::stalled_node",
        story: "n3's server is frozen. Its kernel still accepts connections, the others still count it, and every \
                write of theirs waits for it. After five seconds they would evict it; noticed before that and \
                thawed, it goes on as if nothing had been.",
        source: "measured facts, other faults: SIGSTOP 3 s and 12 s",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![inject(Kill { node: "n3".into(), process: MARIADBD.into(), signal: Signal::Stop })],
            fingerprints: seen(report::HANGS, secs(20)),
            detected: by(STALLED_NODE, secs(6)).also(&[MINORITY_PARTITION]),
            control: none("thawed, it goes on by itself"),
            wrong: none("the others evict it after five seconds: there is no time for a wrong runbook"),
            ends: by_itself(secs(40)),
        }],
    }
);
