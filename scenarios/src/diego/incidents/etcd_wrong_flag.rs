//! A member's job has a typo in its flags, and monit starts it in vain.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::JOB_DOWN,
    faults::WrongFlag,
    runbooks::{ReplaceMember, RestartMachine, SameFlags},
};

const SETUP: Setup = Setup::PLAIN;

const NOT_DEFINED: Fingerprint = Fingerprint {
    id: "flag not defined",
    report: "flag provided but not defined",
    shows: |seen| logged(seen, &["flag provided but not defined"]),
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_wrong_flag",
        story: "A member's job comes with a flag that its etcd does not know. etcd ends at once with its usage, the \
                start script waits for an answer until monit kills it, and so on. The two others have their quorum, \
                and nothing else is wrong: no data need be touched.",
        source: "the kind of cloudfoundry/bosh#2052: a supervisor that starts a job in vain, and whose own log says nothing",
        setup: SETUP,
        acts: vec![Act {
            breaks: vec![inject(WrongFlag { node: "etcd3".into() })],
            fingerprints: seen(&[NOT_DEFINED], secs(30)),
            detected: by(JOB_DOWN, secs(50)),
            control: stays_broken(secs(25)),
            wrong: tried([
                useless(RestartMachine { node: "etcd3" }, secs(15)),
                refuses(SameFlags { setup: SETUP, node: Some("etcd1") }),
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
            ]),
            ends: healed_by(SameFlags { setup: SETUP, node: Some("etcd3") }, secs(60)),
        }],
    }
);
