//! A member is removed from the cluster, and its machine goes on starting it.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::MEMBER_REMOVED,
    faults::MemberRemoved,
    runbooks::{ReplaceMember, RestartMachine, WipeAll},
    stories::members,
};

const SETUP: Setup = Setup::PLAIN;

const REMOVED: Fingerprint = Fingerprint {
    id: "permanently removed",
    report: "the member has been permanently removed from the cluster",
    shows: |seen| logged(seen, &["the member has been permanently removed from the cluster"]),
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_member_removed",
        story: "Somebody takes a healthy member of etcd for the broken one and removes it. It ends; its supervisor \
                starts it again on its old data, and it ends each time with the same words: its id never comes back. \
                Two members go on, and one more failure stops everything.",
        source: "etcd's documentation of runtime reconfiguration: a removed member's data directory must be removed",
        setup: SETUP,
        acts: vec![Act {
            breaks: vec![members::is_led_by("etcd1"), inject(MemberRemoved { node: "etcd3".into() })],
            fingerprints: seen(&[REMOVED], secs(30)),
            detected: by(MEMBER_REMOVED, secs(30)),
            control: stays_broken(secs(25)),
            wrong: tried([
                useless(RestartMachine { node: "etcd3" }, secs(15)),
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
                refuses(WipeAll { setup: SETUP, forced: false }),
            ]),
            ends: healed_by(ReplaceMember { setup: SETUP, node: "etcd3" }, secs(60)),
        }],
    }
);
