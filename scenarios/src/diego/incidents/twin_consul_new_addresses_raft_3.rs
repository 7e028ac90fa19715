//! Twin of `consul_old_peers`: with a newer raft protocol a peer is its id.

use reenact::incident::*;

use super::super::{CONSULS, Diego, Setup, detectors::CONSUL_QUORUM_LOST, faults::Readdressed};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_consul_new_addresses_raft_3",
        story: "Consul's machines are made anew with their disks, and get other addresses. With raft protocol 3 a \
                peer is known by its id: the servers find each other where they are now, elect a leader, and the \
                BBS takes its lock again.",
        source: "measured facts (e): new addresses for all, with raft protocol 3",
        setup: Setup::PLAIN,
        acts: vec![Act {
            // While the machines are made anew no server is there.
            detected: nobody("benign: every other detector must stay silent").also(&[CONSUL_QUORUM_LOST]),
            ..Act::benign(vec![inject(Readdressed::of(&CONSULS))], secs(60))
        }],
    }
);
