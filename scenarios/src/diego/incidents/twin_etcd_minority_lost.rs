//! Twin: one of etcd's three machines loses power.

use reenact::{
    fault::{PowerOff, PowerOn},
    incident::*,
};

use super::super::{Diego, Setup, stories::members};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_etcd_minority_lost",
        story: "The machine of etcd's leader loses power: the two others elect one of themselves and go on. That is \
                what three are for; the member that is away has no old data to tell, because it tells nothing. \
                Switched on it catches up.",
        source: "the list of twins; measured facts (a)",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                members::is_led_by("etcd1"),
                inject(PowerOff::of(&["etcd1"])),
                writes(40, secs(60)),
                // For longer than the detectors of a lost quorum and of a stale member wait.
                quiet(secs(8)),
                inject(PowerOn::of(&["etcd1"])),
            ],
            secs(60)
        )],
    }
);
