//! Twin: the leader comes back with an empty disk, and is sent everything.

use reenact::{
    fault::{PowerOff, PowerOn},
    incident::*,
};

use super::super::{
    Diego, Setup,
    faults::Wiped,
    stories::{data, members},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_etcd_wiped_leader",
        story: "The etcd machine that leads loses its power and its disk. Another one leads by the time it is back, and \
                has no memory of what it had: it is sent everything, under its old id, and nobody notices. It looks \
                like the wiped follower, and there is nothing to do.",
        source: "measured facts (c): `existing` without remove and add, the leader",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(wiped(), secs(40))],
    }
);

fn wiped() -> Vec<Action<Diego>> {
    let mut story = vec![
        members::is_led_by("etcd1"),
        inject(PowerOff::of(&["etcd1"])),
        inject(Wiped { node: "etcd1".into() }),
        // Its successor is who must not know it.
        members::are_led_without("etcd1"),
        inject(PowerOn::of(&["etcd1"])),
    ];
    story.extend(data::comes_back());
    story
}
