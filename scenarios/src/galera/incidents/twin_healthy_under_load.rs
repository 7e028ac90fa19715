//! Twin: nothing happens.

use reenact::incident::*;

use super::super::{Galera, Machines, stories};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::twin_healthy_under_load",
        story: "A healthy cluster under writes on all nodes",
        source: "the contract: every detector stays silent",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![quiet(secs(5))],
            fingerprints: stories::measured(),
            detected: stories::benign(),
            control: none("nothing is broken for good"),
            wrong: none("nothing is to be done"),
            ends: by_itself(secs(10)),
        }],
    }
);
