//! The report's first step, where it is right: every etcd hangs, and none can be read.

use reenact::{
    fault::{Kill, Signal},
    incident::*,
};

use super::super::{
    Diego, ETCDS, Setup,
    detectors::CONSUL_QUORUM_LOST,
    report::PING_LIES,
    runbooks::{KillallEtcd, ReplaceMember, RestartVms},
    stories::quorum,
};

const SETUP: Setup = Setup::PLAIN;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_step_one_heals",
        story: "Every etcd hangs: its process is there, its port takes connections, and nobody answers; to their \
                supervisors they run. The BBS answers pings, and each of its lists fails. The report's first step is \
                right here: no member can be read anyway, and their data are on their disks.",
        source: "report 003, step 1",
        setup: SETUP,
        acts: vec![Act {
            breaks: ETCDS.map(hangs).into(),
            fingerprints: seen(&[PING_LIES], secs(20)),
            // Consul's servers restart all at once, and have no leader for seconds.
            detected: quorum::lost().also(&[CONSUL_QUORUM_LOST]),
            control: stays_broken(secs(10)),
            wrong: tried([
                refuses(KillallEtcd { setup: SETUP }),
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
            ]),
            ends: healed_by(RestartVms { setup: SETUP, forced: false }, secs(120)),
        }],
    }
);

/// Nobody but a restart ends that.
fn hangs(node: &'static str) -> Action<Diego> {
    act(Kill { node: node.into(), process: "etcd --name".into(), signal: Signal::Stop })
}
