//! Consul's servers are made anew at other addresses, and look for each other at the old.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    CONSULS, Diego, Setup,
    detectors::{CONSUL_OLD_PEERS, CONSUL_QUORUM_LOST},
    faults::Readdressed,
    report::consul::{NO_LEADER, NOBODY_LISTENS},
    runbooks::{BringServersBack, WritePeersJson},
};

const NO_ROUTE: Fingerprint = Fingerprint {
    id: "no route to host",
    report: "no leader, no route to host",
    shows: |seen| logged(seen, &["agent.server.raft", "no route to host"]),
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::consul_old_peers",
        story: "Consul's machines are made anew with their disks, and get other addresses. With the raft protocol of \
                2016 a peer is its address: each server runs, meets the others by gossip, and looks for their votes \
                where nobody is. There is no leader and no BBS leads, until peers.json says where they are.",
        source: "measured facts (e): new addresses for all, with raft protocol 2",
        setup: Setup { raft_protocol: 2, ..Setup::PLAIN },
        acts: vec![Act {
            breaks: vec![inject(Readdressed::of(&CONSULS))],
            fingerprints: seen(&[NO_LEADER, NO_ROUTE, NOBODY_LISTENS], secs(40)),
            // While the machines are made anew no server is there.
            detected: by(CONSUL_OLD_PEERS, secs(50)).also(&[CONSUL_QUORUM_LOST]),
            control: stays_broken(secs(20)),
            wrong: tried([refuses(BringServersBack)]),
            ends: healed_by(WritePeersJson, secs(90)),
        }],
    }
);
