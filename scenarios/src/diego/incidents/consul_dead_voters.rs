//! Raft counts servers that were replaced and never removed.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    detectors::{CONSUL_DEAD_VOTERS, CONSUL_QUORUM_LOST},
    faults::DeadVoters,
    report::consul::NO_LEADER,
    runbooks::{BringServersBack, WritePeersJson},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::consul_dead_voters",
        story: "Consul's servers were replaced, one after the other, and the old ones never left: raft counts six \
                voters, of which three are nowhere. All three servers run and see each other, none of them is away, \
                and there can be no leader, until peers.json names the living only.",
        source: "hashicorp/consul#3130, #1455 and #993: six voters, three of them alive",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(DeadVoters {})],
            fingerprints: seen(&[NO_LEADER], secs(40)),
            // While the servers are started anew none of them is there.
            detected: by(CONSUL_DEAD_VOTERS, secs(50)).also(&[CONSUL_QUORUM_LOST]),
            control: stays_broken(secs(20)),
            wrong: tried([refuses(BringServersBack)]),
            ends: healed_by(WritePeersJson, secs(90)),
        }],
    }
);
