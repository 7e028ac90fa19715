//! Twin: a member was writing to its log when its power went.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    faults::What,
    stories::{data, logs},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_etcd_torn_tail",
        story: "An etcd machine loses its power in the middle of a write. Its etcd finds the last record of its log torn, \
                repairs that, keeps the old log aside, and is sent by the leader what it lacks. It looks like the member \
                whose log is damaged, and there is nothing to do.",
        source: "measured facts (b): WAL torn tail",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(torn(), secs(40))],
    }
);

fn torn() -> Vec<Action<Diego>> {
    let mut story = data::damaged(&["etcd3"], &What::LogTorn);
    story.push(logs(&["etcd3"], &["repaired WAL error"], secs(20)));
    story.extend(data::comes_back());
    story
}
