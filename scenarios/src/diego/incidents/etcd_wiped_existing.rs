//! A follower comes back with an empty disk, and starts under its old id.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    detectors::MEMBER_WIPED,
    report::TOCOMMIT,
    runbooks::{RebuildFromSurvivor, ReplaceMember, RestartMachine},
    stories::{data, members},
};

const SETUP: Setup = Setup::PLAIN;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_wiped_existing",
        story: "An etcd machine that follows gets a new, empty disk, and Diego's script starts it as a member of the \
                existing cluster, which lists it. Its leader believes that it still has what it had acknowledged, and \
                says so; it panics at that word, at each start.",
        source: "report 003; measured facts (c): `existing` without remove and add, a follower; etcd#20269",
        setup: SETUP,
        acts: vec![Act {
            breaks: [members::is_led_by("etcd1")].into_iter().chain(data::wiped("etcd3")).collect(),
            fingerprints: seen(&[TOCOMMIT], secs(15)),
            detected: by(MEMBER_WIPED, secs(20)),
            control: stays_broken(secs(15)),
            wrong: tried([
                useless(RestartMachine { node: "etcd3" }, secs(15)),
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
                refuses(RebuildFromSurvivor { setup: SETUP, from: None }),
            ]),
            ends: healed_by(ReplaceMember { setup: SETUP, node: "etcd3" }, secs(60)),
        }],
    }
);
