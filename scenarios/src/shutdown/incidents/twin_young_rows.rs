//! Twin: a healthy service, always with work in flight.

use reenact::{Error, Result, incident::*};

use super::super::{Service, Setup, stories};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::twin_young_rows",
        story: "A healthy service whose works take two seconds: at any moment a hundred rows are without their flag, \
                drafts never get one, and telemetry is dropped when there is much of it. Without an age limit a \
                reconciliation would call all of that lost.",
        source: "measured facts, detection: 101 rows with no limit, 0 when older than 0.6 s",
        setup: Setup { work: secs(2), ..stories::plain() },
        acts: vec![Act::benign(
            vec![quiet(secs(6)), story("rows are young", |run| Box::pin(some_are_young(run)))],
            secs(10)
        )],
    }
);

async fn some_are_young(run: &Run<Service>) -> Result<()> {
    match stories::unmatched(run).await? {
        0 => Err(Error::inconclusive("no row was ever young, so this was no look-alike")),
        _ => Ok(()),
    }
}
