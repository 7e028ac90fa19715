//! Twin: a member's snapshots are damaged.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    faults::What,
    stories::{data, logs},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_etcd_snapshot_flip",
        story: "An etcd machine loses its power, and its snapshots are damaged. Its etcd puts them aside as broken, and \
                has its log and its database: there is nothing to do.",
        source: "measured facts (b): snapshot flips",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(flipped(), secs(40))],
    }
);

fn flipped() -> Vec<Action<Diego>> {
    let mut story = vec![data::snapshots_are_made()];
    story.extend(data::damaged(&["etcd3"], &What::Snapshots));
    story.push(logs(&["etcd3"], &["corrupted snapshot file"], secs(20)));
    story.extend(data::comes_back());
    story
}
