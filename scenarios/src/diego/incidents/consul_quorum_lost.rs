//! Two of Consul's three machines lose power.

use reenact::{fault::PowerOff, incident::*};

use super::super::{
    Diego, Setup,
    detectors::CONSUL_QUORUM_LOST,
    report::consul::{LOST_LOCK, NO_CLUSTER_LEADER, NO_LEADER, NOBODY_LISTENS},
    runbooks::{BringServersBack, FreeLock, RestartServer, ScaleToOne, WritePeersJson},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::consul_quorum_lost",
        story: "Two of Consul's three machines lose power. The third one has no leader; the BBS cannot renew its \
                session, loses its lock and exits, and no BBS listens, though etcd is well. A restart of the third \
                server is of no use, nor is scaling Consul to one, as the report's recipe has it. Switched on again, \
                the two bring the leader, and a BBS leads.",
        source: "report 003, steps 1 and 3; measured facts (e) and (f)",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(PowerOff::of(&["consul2", "consul3"]))],
            fingerprints: seen(&[NO_LEADER, NO_CLUSTER_LEADER, LOST_LOCK, NOBODY_LISTENS], secs(40)),
            detected: by(CONSUL_QUORUM_LOST, secs(50)),
            control: stays_broken(secs(20)),
            wrong: tried([
                refuses(WritePeersJson),
                // The lock is not what is wrong.
                refuses(FreeLock),
                useless(RestartServer { node: "consul1" }, secs(10)),
                useless(ScaleToOne, secs(10)),
            ]),
            ends: healed_by(BringServersBack, secs(90)),
        }],
    }
);
