//! Twin of the unplanned failover: writes are stopped first, and the old primary is demoted at once.

use reenact::incident::*;

use crate::{Redis, failover::Planned};

reenact::incident!(
    Redis,
    Incident {
        id: "redis::twin_planned_failover",
        story: "A maintenance done well: no write begins, both replicas have all, Sentinel promotes one, and the old \
                primary follows it at once. Nothing is lost.",
        source: "https://github.com/valkey-io/valkey/issues/1291, what a coordinated failover does",
        setup: 0,
        acts: vec![Act::benign(vec![done(Planned { from: "n1" })], secs(40))],
    }
);
