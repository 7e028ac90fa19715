//! A replica is killed by the kernel, for want of memory.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    App, Setup,
    detectors::{LOST_WORK, OOM_KILLED_BUSY},
    faults::End,
    recipe,
    runbooks::ReplayReconciled,
};

scenario! {
    Scenario {
        id: "shutdown::out_of_memory",
        story: "One request asks for a report of four gigabytes, and the container has a quarter of one. The kernel \
                ends the service with exit code 137, as a grace that was overrun does; another grace would not help.",
        source: "measured facts, false positives: a 137 by OOM; the kernel's memory controller",
        faults: &["app1 is asked for more memory than its container has, under load"],
        detector: Some(LOST_WORK),
        also: &[OOM_KILLED_BUSY],
        runbooks: &["right: reconcile, and replay what is overdue, each at most once"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { memory: Some(256), ..Setup::of(App::Rust("tracker")) };
    let age_limit = setup.age_limit();
    let steady = recipe::steady(&lab, setup).await?;
    let deletion = recipe::deleted(&steady).by(End::OutOfMemory).unrouted_after(None);
    let (faulted, _) = recipe::delete(steady, deletion).await?;
    let broken = faulted
        .detect(LOST_WORK, age_limit + Duration::from_secs(12))
        .await?
        .then_detects(OOM_KILLED_BUSY, age_limit)
        .await?;
    // The service stalls while its memory goes, so no rate foretells the loss.
    if recipe::losses(&broken).await? == 0 {
        return Err(Error::failed("nothing is lost, and a detector says that something is"));
    }
    recipe::healed_by(&ReplayReconciled { age_limit }, broken).await
}
