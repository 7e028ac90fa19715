//! Twin: nothing happens.

use reenact::incident::*;

use super::super::{Galera, Machines};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::twin_healthy_under_load",
        story: "A healthy cluster under writes on all nodes",
        source: "the contract: every detector stays silent",
        setup: Machines::Ordinary,
        acts: vec![Act::benign(vec![quiet(secs(5))], secs(10))],
    }
);
