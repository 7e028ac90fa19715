//! The report's second fix: cancel the task and clean up.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STALE_LOCK, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    manifest::PAASTA_LOCK,
    recipe::{self, FINGERPRINTS, FIRST},
    runbooks::{EndStuckTask, FixCancelAndCleanUp},
};

scenario! {
    Scenario {
        id: "bosh::fix_cancel_and_clean_up",
        story: "The report's second fix. As written it is impossible: with all jobs stopped nobody answers \
                `bosh cancel-task`, and the director stays down. With the jobs started again the cancel is \
                refused, for the worker's death has ended task 100 already, and the clean-up never touches a lock: \
                that expires. The CPI's processes outlive it all and the cloud-config is as wrong as before.",
        source: "report 000, 3.2.2",
        faults: &["the report's: tasks 100 and 163 hang", "bosh cancel-task 100; bosh clean-up --all"],
        detector: Some(STUCK_TASK),
        also: &[CANCEL_OVERDUE, ZOMBIE_HOLDER, WRONG_SUBNET, DOUBLE_CREATE, STALE_LOCK],
        runbooks: &[
            "impossible: stop all jobs, cancel task 100, clean up",
            "false success: the same with the jobs started again before the cancel",
            "right: end the CPI calls that are left, correct the cloud-config, deploy",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::detected(recipe::stuck(&lab).await?).await?;
    let (api, database) = (broken.system().api.clone(), broken.system().database.clone());
    recipe::others_rest(&broken).await?;
    let cancel = async || api.ask("DELETE", &format!("/task/{FIRST}"), None).await;
    is_400(cancel().await.map_err(|trouble| Error::inconclusive(trouble.why()))?.status)?;
    let uid = async || Ok::<_, Error>(database.lock(PAASTA_LOCK).await?.map(|row| row.uid));
    let before = uid().await?;
    let written = FixCancelAndCleanUp { task: FIRST, started_again: false };
    match broken.force(&written).await {
        // curl's code for a connection that is refused.
        Err(Error::Failed(why)) if why.contains("curl: (7)") => lab.note("impossible", format!("\"{written}\": {why}")),
        other => return Err(Error::failed(format!("nobody should have answered \"{written}\", but: {other:?}"))),
    }
    let possible = FixCancelAndCleanUp { task: FIRST, started_again: true };
    let broken = broken.is_deceived(&possible, Duration::from_secs(2)).await?;
    is_400(cancel().await.map_err(|trouble| Error::failed(trouble.why()))?.status)?;
    let after = uid().await?;
    if before.is_none() || after != before {
        return Err(Error::failed(format!("the clean-up should touch no lock, but: {before:?}, then {after:?}")));
    }
    let broken = broken.still_detects(WRONG_SUBNET)?.still_detects(DOUBLE_CREATE)?;
    broken.workload().resume();
    recipe::healed_by(&EndStuckTask { setup: Setup::PLAIN }, broken).await
}

/// A task that is `cancelling`, or has ended, cannot be cancelled.
fn is_400(status: u16) -> Result<()> {
    match status {
        400 => Ok(()),
        other => Err(Error::failed(format!("the cancel should be answered with 400, not {other}"))),
    }
}
