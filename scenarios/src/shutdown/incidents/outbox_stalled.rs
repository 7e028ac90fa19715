//! A transactional outbox whose only replica is killed: nothing is lost, and nothing goes
//! on.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    App, Setup,
    detectors::OUTBOX_STALLED,
    faults::End,
    recipe,
    runbooks::{ReplayReconciled, StartReplica},
};

scenario! {
    Scenario {
        id: "shutdown::outbox_stalled",
        story: "The intent is a row of the request's own transaction, and a worker does the work and marks the row in \
                one. The only replica is killed: requests stay without their effect for as long as none runs, which \
                looks like the loss. A replay is not needed, and would race with the workers; a start is enough.",
        source: "measured facts: outbox and SIGKILL, recovered by a restart in 6.7 to 7.1 s",
        faults: &["the only replica is killed under load"],
        detector: Some(OUTBOX_STALLED),
        runbooks: &["right: start a replica", "refuses: replay"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { replicas: 1, ..Setup::of(App::Rust("outbox")) };
    let age_limit = setup.age_limit();
    let steady = recipe::steady(&lab, setup).await?;
    let deletion = recipe::deleted(&steady).by(End::Killed);
    let (faulted, _) = recipe::delete(steady, deletion).await?;
    let broken = faulted.detect(OUTBOX_STALLED, age_limit + Duration::from_secs(12)).await?;
    recipe::losses(&broken).await?;
    broken.must_refuse(&ReplayReconciled { age_limit }).await?;
    let broken = broken.stays_broken(Duration::from_secs(15)).await?;
    recipe::healed_by(&StartReplica(recipe::LEAVER), broken).await
}
