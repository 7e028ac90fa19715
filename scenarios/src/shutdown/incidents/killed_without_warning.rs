//! A replica is killed with no warning.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    App, Setup,
    detectors::{KILLED_BUSY, LOST_WORK},
    faults::End,
    recipe,
    runbooks::ReplayReconciled,
};

scenario! {
    Scenario {
        id: "shutdown::killed_without_warning",
        story: "A node goes, or somebody uses kill -9: the service that drains so well at SIGTERM gets none. What was \
                in memory is gone.",
        source: "measured facts: tracker and SIGKILL",
        faults: &["app1 is killed under load"],
        detector: Some(LOST_WORK),
        also: &[KILLED_BUSY],
        runbooks: &["right: reconcile, and replay what is overdue, each at most once"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::of(App::Rust("tracker"));
    let (age_limit, work) = (setup.age_limit(), setup.work);
    let steady = recipe::steady(&lab, setup).await?;
    let deletion = recipe::deleted(&steady).by(End::Killed);
    let (faulted, ended) = recipe::delete(steady, deletion).await?;
    let broken = faulted.detect(LOST_WORK, age_limit + Duration::from_secs(12)).await?;
    let lost = recipe::losses(&broken).await?;
    recipe::is_rate_times_work(&broken, lost, &ended, work)?;
    recipe::healed_by(&ReplayReconciled { age_limit }, broken).await
}
