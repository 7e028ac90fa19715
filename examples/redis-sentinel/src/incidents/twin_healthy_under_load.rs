//! Twin: nothing happens.

use reenact::incident::*;

use crate::Redis;

reenact::incident!(
    Redis,
    Incident {
        id: "redis::twin_healthy_under_load",
        story: "A healthy primary with two replicas under writes.",
        source: "the contract: every detector stays silent",
        setup: 0,
        acts: vec![Act::benign(vec![quiet(secs(5))], secs(10))],
    }
);
