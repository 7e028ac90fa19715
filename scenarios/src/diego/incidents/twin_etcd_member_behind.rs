//! Twin: a member of etcd was away for long, and is sent a snapshot.

use reenact::{
    fault::{PowerOn, ShutDown},
    incident::*,
};

use super::super::{
    Diego, Setup,
    stories::{logs, quorum},
};

/// The others keep 5000 entries behind their newest snapshot.
const ENTRIES: u32 = 5500;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_etcd_member_behind",
        story: "One of etcd's machines is away for maintenance while much is written: so much that the others have no \
                log any more of what it lacks. Switched on it says no word of that, is sent a snapshot, and has \
                caught up.",
        source: "the list of twins",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                inject(ShutDown { nodes: vec!["etcd3".into()], grace_s: 30 }),
                quorum::write_many("etcd1", ENTRIES),
                inject(PowerOn::of(&["etcd3"])),
                logs(&["etcd3"], &["raft applied incoming snapshot at index"], secs(30)),
            ],
            secs(60)
        )],
    }
);
