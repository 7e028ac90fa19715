//! The database is out of reach just while a replica drains.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Partition, scenario, stage::Lab};

use super::super::{
    App, DB, Setup,
    detectors::{EXITED_BUSY, LOST_WORK},
    recipe,
    runbooks::ReplayReconciled,
};

scenario! {
    Scenario {
        id: "shutdown::database_cut_while_draining",
        story: "The service tracks its tasks and drains them at SIGTERM for up to two seconds. In these seconds it \
                does not reach its database: every try fails, the drain times out, and the service ends in order \
                with its work undone.",
        source: "issue: database cut during the drain",
        faults: &["app1 does not reach the database", "app1 is deleted; its drain may take 2 s"],
        detector: Some(LOST_WORK),
        also: &[EXITED_BUSY],
        runbooks: &["right: reconcile, and replay what is overdue, each at most once"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { drain: Duration::from_secs(2), ..Setup::of(App::Rust("tracker")) };
    let age_limit = setup.age_limit();
    let mut steady = recipe::steady(&lab, setup).await?;
    let cut = steady.strike(Partition::between(&[recipe::LEAVER], &[DB])).await?;
    let deletion = recipe::deleted(&steady);
    let (mut faulted, _) = recipe::delete(steady, deletion).await?;
    faulted.mend_one(cut).await?;
    let broken = faulted.detect(LOST_WORK, age_limit + Duration::from_secs(12)).await?;
    recipe::losses(&broken).await?;
    recipe::healed_by(&ReplayReconciled { age_limit }, broken).await
}
