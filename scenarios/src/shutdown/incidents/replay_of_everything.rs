//! A recovery that does all of it again.

use reenact::{Error, Result, incident::*, judge::Findings};

use super::super::{Service, losses::Losses, runbooks::ReplayEverything, stories};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::replay_of_everything",
        story: "After the loss somebody replays every request there is, to be on the safe side: whatever was done is \
                done once more.",
        source: "issue, wrong runbooks: replay of everything",
        setup: stories::plain(),
        acts: stories::scaled_in_and_recovered_by(
            ReplayEverything,
            harm([], &[Harm::Repeated]).claiming("far more is done twice than was lost", |run, found| {
                let compared = more_than_lost(run, found);
                Box::pin(async { compared })
            })
        ),
    }
);

fn more_than_lost(run: &Run<Service>, found: &Findings) -> Result<()> {
    let (Losses { lost, .. }, repeated) = (run.kept()?, found.repeated.len());
    if repeated > lost { Ok(()) } else { Err(Error::failed(format!("{repeated} were, and {lost} had been lost"))) }
}
