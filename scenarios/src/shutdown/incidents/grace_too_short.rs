//! The shutdown waits for the work, and the grace is shorter than that.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    App, Setup,
    detectors::{KILLED_BUSY, LOST_WORK},
    recipe,
    runbooks::ReplayReconciled,
};

scenario! {
    Scenario {
        id: "shutdown::grace_too_short",
        story: "The service tracks its tasks and drains them at SIGTERM. A work takes three seconds and the grace is \
                one: SIGKILL comes in the middle of the drain, and the exit code is 137.",
        source: "measured facts, other variants: grace 2 s, work 4 s",
        faults: &["app1 is deleted with 1 s of grace, while its works take 3 s"],
        detector: Some(LOST_WORK),
        also: &[KILLED_BUSY],
        runbooks: &["right: reconcile, and replay what is overdue, each at most once"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { work: Duration::from_secs(3), ..Setup::of(App::Rust("tracker")) };
    let age_limit = setup.age_limit();
    let steady = recipe::steady(&lab, setup).await?;
    let deletion = recipe::deleted(&steady).by(recipe::with_grace(1));
    let (faulted, ended) = recipe::delete(steady, deletion).await?;
    recipe::must_end_with(&ended, 137)?;
    let broken = faulted.detect(LOST_WORK, age_limit + Duration::from_secs(12)).await?;
    recipe::losses(&broken).await?;
    recipe::healed_by(&ReplayReconciled { age_limit }, broken).await
}
