//! The report's second step, where the data are there: the tasks are lost.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::PowerOff,
    runbook::Conclusion,
    scenario,
    stage::{Lab, System},
};

use super::super::{Setup, detectors::QUORUM_LOST, recipe, runbooks::WipeAll, stories::quorum};

scenario! {
    Scenario {
        id: "diego::etcd_wipe_loses_tasks",
        story: "Two of etcd's three machines lose power, and come back with their data when they are switched on. The \
                report's second step wipes all three instead: etcd is healthy and empty, and within one pass of nsync \
                all applications are desired again, as the Cloud Controller wants them. The tasks were only in etcd, \
                and nobody asks for them again.",
        source: "report 003, step 2; measured facts (b): the recipe's wipe of all; end to end",
        faults: &["etcd2 and etcd3 lose power"],
        detector: Some(QUORUM_LOST),
        runbooks: &[
            "refuses: wipe every member, while one can be read",
            "harmful: the same, forced: every task is lost, and no application",
        ],
        fingerprints: quorum::PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(&lab, setup).await?;
    let broken = steady.inject(PowerOff::of(&["etcd2", "etcd3"])).await?;
    let broken = quorum::shown(broken, &["etcd1"], quorum::PRINTS).await?;
    broken.must_refuse(&WipeAll { setup, forced: false }).await?;
    match broken.force(&WipeAll { setup, forced: true }).await? {
        Conclusion::Done => {}
        other => return Err(Error::failed(format!("the wipe as written should be done, but: {other:?}"))),
    }
    let diego = broken.system();
    broken.wait_for("every node to serve, on nothing", Duration::from_secs(60), || diego.healthy()).await?;
    let found = broken.harmed().await?;
    let apps: Vec<_> = found.lost.iter().filter(|id| *id % 10 == 5).collect();
    if !apps.is_empty() {
        return Err(Error::failed(format!("nsync should have brought all applications back, but not {apps:?}")));
    }
    if found.lost.is_empty() {
        return Err(Error::failed(format!("the wipe should have lost the tasks, but: {found}")));
    }
    Ok(())
}
