//! Twin of a stuck lock: the BBS that leads is restarted in order.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    stories::consul::{is_led_by, leads},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_bbs_failover_clean",
        story: "An operator restarts the BBS that leads. It destroys its session as it exits, and the other one has the \
                lock at once.",
        source: "measured facts, what Diego did: a clean exit destroys the session",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![is_led_by("bbs1"), command("bbs1", &["monit", "restart", "bbs"]), leads("bbs2", secs(20))],
            secs(30)
        )],
    }
);
