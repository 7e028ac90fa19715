//! Twin of `etcd_member_corrupt`: a database of the same kind is damaged, and it is Consul's.

use reenact::{
    fault::{PowerOff, PowerOn},
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    faults::RaftDatabaseCorrupt,
    runbooks::{RejoinServer, WritePeersJson},
};

const NODE: &str = "consul3";

const INVALID_DATABASE: Fingerprint = Fingerprint {
    id: "invalid database",
    report: "exit 1, Failed to start Raft: invalid database",
    shows: |seen| logged(seen, &["Failed to start Raft", "invalid database"]),
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_consul_server_corrupt",
        story: "A server of Consul's comes back from a power cut with a damaged raft.db and cannot start. The other two \
                have their quorum, the BBS keeps its lock, and nothing is wrong with etcd, whose database is of the \
                same kind. Wiped alone it joins the others again.",
        source: "measured facts (e): raft.db corrupt: exit 1, Failed to start Raft: invalid database",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![
                inject(PowerOff::of(&[NODE])),
                inject(RaftDatabaseCorrupt { node: NODE.into() }),
                inject(PowerOn::of(&[NODE])),
            ],
            fingerprints: seen(&[INVALID_DATABASE], secs(20)),
            detected: nobody("benign: a quorum of the others serves, and every detector must stay silent")
                .then([quiet(secs(8))]),
            control: stays_broken(secs(20)),
            wrong: tried([refuses(WritePeersJson)]),
            ends: healed_by(RejoinServer { node: NODE }, secs(90)),
        }],
    }
);
