//! Twin: nothing happens.

use reenact::incident::*;

use super::super::{Diego, Setup};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_healthy_under_load",
        story: "Nothing happens: users ask for tasks and push applications, nsync passes.",
        source: "the control of all others",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(vec![quiet(secs(6))], secs(10))],
    }
);
