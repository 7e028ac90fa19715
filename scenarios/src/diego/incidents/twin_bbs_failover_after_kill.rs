//! Twin of a stuck lock: the BBS that leads vanishes.

use reenact::{
    fault::{PowerOff, PowerOn},
    incident::*,
};

use super::super::{
    Diego, Setup,
    stories::consul::{is_led_by, leads},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_bbs_failover_after_kill",
        story: "The machine of the BBS that leads loses power. Its session lives on, and for a while no BBS listens; \
                Consul ends it after at most twice its time to live, and the other one leads. Switched on again the \
                first one waits.",
        source: "measured facts (f): vanished, TTL 10 s: 20 s",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                is_led_by("bbs1"),
                inject(PowerOff::of(&["bbs1"])),
                leads("bbs2", secs(40)),
                inject(PowerOn::of(&["bbs1"])),
            ],
            secs(40)
        )],
    }
);
