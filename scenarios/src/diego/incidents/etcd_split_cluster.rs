//! A wiped member founds a cluster of its own, and all three are healthy.

use reenact::{
    fault::Partition,
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::SPLIT_CLUSTER,
    report::FOUNDS_ALONE,
    runbooks::{ChooseCluster, RebuildFromSurvivor, ReplaceMember},
    stories::{data, members},
};

const SETUP: Setup = Setup::PLAIN;

const PRINTS: &[Fingerprint] = &[
    FOUNDS_ALONE,
    Fingerprint {
        id: "cluster_mismatch",
        report: "`request cluster ID mismatch (got … want …)`",
        shows: |seen| logged(seen, &["request cluster ID mismatch"]),
    },
];

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_split_cluster",
        story: "An etcd machine is cut off from the others and comes back with an empty disk. Diego's script cannot list \
                the members and founds a new cluster, of this one alone. The network is mended: all three answer that \
                they are healthy, and one of them has none of the data and takes writes of its own.",
        source: "report 003, \"these distributed registries start arguing\"; measured facts: what Diego did, (c)",
        setup: SETUP,
        acts: vec![Act {
            breaks: split(),
            fingerprints: seen(PRINTS, secs(15)),
            detected: by(SPLIT_CLUSTER, secs(15)).then([members::all_say_healthy()]),
            control: stays_broken(secs(15)),
            wrong: tried([
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
                refuses(ChooseCluster { setup: SETUP, keep: Some("etcd3") }),
                refuses(RebuildFromSurvivor { setup: SETUP, from: Some("etcd3") }),
            ]),
            ends: healed_by(ReplaceMember { setup: SETUP, node: "etcd3" }, secs(60)),
        }],
    }
);

fn split() -> Vec<Action<Diego>> {
    let mut story = vec![inject_as("cut", Partition::between(&["etcd3"], &["etcd1", "etcd2"]))];
    story.extend(data::wiped("etcd3"));
    story.extend([members::found_their_own(&["etcd3"]), effect_begins(), heal("cut")]);
    story
}
