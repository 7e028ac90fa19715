//! The report: `SENTINEL FAILOVER` for a maintenance, and the old primary takes writes for ten seconds more.

use reenact::incident::*;

use crate::{Redis, detectors::TWO_PRIMARIES, failover::{Planned, Unplanned}};

reenact::incident!(
    Redis,
    Incident {
        id: "redis::unplanned_failover",
        story: "Somebody orders a failover from a primary that lives. Sentinel promotes a replica and leaves the old \
                primary as it is; clients that it serves go on writing to it. Some ten seconds later Sentinel demotes \
                it, and what it acknowledged meanwhile is gone.",
        source: "https://github.com/redis/redis/issues/6062",
        setup: 0,
        acts: vec![Act {
            breaks: vec![inject(Unplanned { from: "n1".into() })],
            fingerprints: none("the report has a client's output only"),
            detected: by(TWO_PRIMARIES, secs(10)),
            control: none("Sentinel demotes the old primary by itself, and that is the harm"),
            wrong: tried([refuses(Planned { from: "n1" })]),
            ends: harm([heals_itself(secs(40))], &[Harm::Lost]),
        }],
    }
);
