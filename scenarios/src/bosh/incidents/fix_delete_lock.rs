//! The report's first fix: delete the lock in the director's database.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STALE_LOCK, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    manifest,
    recipe::{self, FINGERPRINTS, FIRST},
    runbooks::{FixDeleteLock, NextDeploy},
};

scenario! {
    Scenario {
        id: "bosh::fix_delete_lock",
        story: "The report's first fix, as written: all jobs are stopped, the lock's row is deleted, all jobs are \
                started. The tasks are dead, by the stop and not by the DELETE, and the lock is gone. The CPI's \
                processes outlive it, and the cloud-config is as wrong as before: the next deploy hangs like the \
                others, with a second and a third create_vm in flight for each instance.",
        source: "report 000, 3.1.1",
        faults: &[
            "the report's: tasks 100 and 163 hang",
            "monit stop all; DELETE FROM locks WHERE id=…; monit start all",
            "the same is deployed again",
        ],
        detector: Some(STUCK_TASK),
        also: &[CANCEL_OVERDUE, ZOMBIE_HOLDER, WRONG_SUBNET, DOUBLE_CREATE, STALE_LOCK],
        runbooks: &[
            "false success: stop all jobs, delete the lock's row, start all jobs",
            "refuses: deploy again, while CPI calls of dead tasks are in flight",
            "harmful: the same, forced",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::detected(recipe::stuck(&lab).await?).await?;
    broken.system().story_ends().await?;
    recipe::others_rest(&broken).await?;
    let broken = broken.is_deceived(&FixDeleteLock, Duration::from_secs(2)).await?;
    let lock = broken.system().database.lock(manifest::PAASTA_LOCK).await?;
    recipe::becomes(&broken, FIRST, "cancelled", Duration::from_secs(5)).await?;
    // What the fix is for is done. What hangs hangs on.
    let broken = broken.still_detects(WRONG_SUBNET)?.still_detects(DOUBLE_CREATE)?;
    if let Some(lock) = lock {
        return Err(Error::failed(format!("the lock should be gone, but: {lock:?}")));
    }
    broken.must_refuse(&NextDeploy { forced: false }).await?;
    broken.force(&NextDeploy { forced: true }).await?;
    let next = recipe::last_deploy(&broken).await?;
    recipe::hangs(&broken, next).await?;
    let found = broken.harmed().await?;
    match found.repeated.len() {
        manifest::WEBS => Ok(()),
        _ => Err(Error::failed(format!("each create_vm of the next deploy should double another, but: {found}"))),
    }
}
