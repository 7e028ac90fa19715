//! Twin: the endpoint is removed a second after SIGTERM.

use reenact::{
    Error, Result,
    incident::*,
    workload::{Ack, Entry},
};

use super::super::{
    Service,
    faults::Deleted,
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::twin_endpoint_removed_late",
        story: "The endpoint's removal reaches the clients a second after SIGTERM reached the service: requests are \
                refused, which clients see and may try again. Nothing that was answered is lost.",
        source: "measured facts, other variants: endpoint removed 1 s after SIGTERM, 186 refused, 0 lost",
        setup: stories::draining(),
        acts: vec![Act::benign(
            vec![
                inject(Deleted::of(LEAVER).unrouted_after(Some(secs(1)))),
                stories::ended(Some(0)),
                story("some requests were refused", |run| {
                    let refused = some_are_refused(run);
                    Box::pin(async { refused })
                }),
                quiet(secs(5)),
            ],
            secs(20)
        )],
    }
);

fn some_are_refused(run: &Run<Service>) -> Result<()> {
    let refused = |entry: &Entry| matches!(entry.ack, Ack::Failed { .. });
    match run.ledger().read(|entries| entries.iter().any(refused)) {
        true => Ok(()),
        false => Err(Error::inconclusive("no request was refused, so the endpoint was not removed late")),
    }
}
