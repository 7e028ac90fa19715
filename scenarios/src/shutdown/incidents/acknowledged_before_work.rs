//! A table of intents, in the wrong order: the worker forgets its intent before it works.

use reenact::{Error, incident::*};

use super::super::{
    App, Service, Setup,
    detectors::KILLED_BUSY,
    faults::{Deleted, End as Way},
    losses::Losses,
    report,
    runbooks::StartAndReplay,
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::acknowledged_before_work",
        story: "The intents are rows, so no kill should lose one. But the workers delete an intent before they do its \
                work: killed in between, what each of them had in hand is gone for good. A start of the replica \
                brings none of it back.",
        source: "measured facts: ackfirst and SIGKILL",
        setup: one_replica(),
        acts: vec![killed()],
    }
);

fn one_replica() -> Setup {
    Setup { replicas: 1, ..Setup::of(App::Rust("ackfirst")) }
}

fn killed() -> Act<Service> {
    let setup = one_replica();
    let breaks = stories::deleted_at_work(Deleted::of(LEAVER).by(Way::Killed));
    let mut act = stories::loss(&setup, breaks, report::KILLED_UNWARNED, KILLED_BUSY);
    act.detected.then.push(no_more_than_in_hand());
    act.ends = healed_by(StartAndReplay { node: LEAVER, age_limit: setup.age_limit() }, stories::HEALED);
    act
}

fn no_more_than_in_hand() -> Action<Service> {
    story("no more is lost than the workers had in hand", |run: &Run<Service>| {
        Box::pin(async {
            let (Losses { lost, .. }, in_hand) = (run.kept()?, run.system().ends.of(LEAVER)?.in_flight);
            if lost <= in_hand as usize + 10 {
                return Ok(());
            }
            Err(Error::failed(format!("{lost} are lost, where the workers had {in_hand} in hand")))
        })
    })
}
