//! A table of intents, in the wrong order: the worker forgets its intent before it works.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    App, Setup,
    detectors::{KILLED_BUSY, LOST_WORK},
    faults::End,
    recipe,
    runbooks::{StartAndReplay, StartReplica},
};

scenario! {
    Scenario {
        id: "shutdown::acknowledged_before_work",
        story: "The intents are rows, so no kill should lose one. But the workers delete an intent before they do its \
                work: killed in between, what each of them had in hand is gone for good. A start of the replica \
                brings none of it back.",
        source: "measured facts: ackfirst and SIGKILL",
        faults: &["app1 is killed under load"],
        detector: Some(LOST_WORK),
        also: &[KILLED_BUSY],
        runbooks: &[
            "right: start the replica, then reconcile and replay what is overdue, each at most once",
            "refuses: start the replica and no more; the intents of what is lost are gone",
        ],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { replicas: 1, ..Setup::of(App::Rust("ackfirst")) };
    let age_limit = setup.age_limit();
    let steady = recipe::steady(&lab, setup).await?;
    let deletion = recipe::deleted(&steady).by(End::Killed);
    let (faulted, ended) = recipe::delete(steady, deletion).await?;
    let broken = faulted.detect(LOST_WORK, age_limit + Duration::from_secs(12)).await?;
    let (lost, most) = (recipe::losses(&broken).await?, ended.in_flight as usize + 10);
    if lost == 0 || lost > most {
        return Err(Error::failed(format!("{lost} are lost, where the workers had {} in hand", ended.in_flight)));
    }
    broken.must_refuse(&StartReplica(recipe::LEAVER)).await?;
    recipe::healed_by(&StartAndReplay { node: recipe::LEAVER, age_limit }, broken).await
}
