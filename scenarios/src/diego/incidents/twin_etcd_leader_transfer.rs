//! Twin: etcd's leader hands over.

use reenact::incident::*;

use super::super::{Diego, Setup, faults::LeaderMoved, stories::members};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_etcd_leader_transfer",
        story: "Before its machine is worked on, etcd's leader hands over to another member, and that one to the third: \
                new terms, new leaders, and no election that anybody waits for.",
        source: "the list of twins",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                members::is_led_by("etcd1"),
                inject(LeaderMoved { to: "etcd2".into() }),
                writes(10, secs(30)),
                inject(LeaderMoved { to: "etcd3".into() }),
                writes(10, secs(30)),
            ],
            secs(30)
        )],
    }
);
