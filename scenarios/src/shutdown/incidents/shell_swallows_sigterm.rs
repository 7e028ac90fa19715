//! The container's first process is a shell, which passes no signal on.

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
        id: "shutdown::shell_swallows_sigterm",
        story: "The image starts the service with `sh -c`. SIGTERM reaches the shell, which waits for its child and \
                passes nothing on; the service never hears of it, goes on taking requests as long as it is routed \
                to, and is killed when the grace is over.",
        source: "measured facts, other variants: sh -c '/svc; echo x' as PID 1",
        faults: &["app1 is deleted with 3 s of grace, and routed to until it is gone"],
        detector: Some(LOST_WORK),
        also: &[KILLED_BUSY],
        runbooks: &["right: reconcile, and replay what is overdue, each at most once"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let command = vec!["sh", "-c", "shutdown-service; echo ended"];
    let setup = Setup { command, ..Setup::of(App::Rust("tracker")) };
    let age_limit = setup.age_limit();
    let steady = recipe::steady(&lab, setup).await?;
    let deletion = recipe::deleted(&steady).by(recipe::with_grace(3)).unrouted_after(None);
    let (faulted, ended) = recipe::delete(steady, deletion).await?;
    recipe::must_end_with(&ended, 137)?;
    let broken = faulted.detect(LOST_WORK, age_limit + Duration::from_secs(12)).await?;
    recipe::losses(&broken).await?;
    recipe::healed_by(&ReplayReconciled { age_limit }, broken).await
}
