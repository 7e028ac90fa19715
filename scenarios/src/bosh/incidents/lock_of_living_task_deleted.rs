//! The trap: the lock of a task that hangs is deleted, and the task is left alive.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    faults::WrongSubnet,
    manifest, recipe,
    runbooks::{DeleteLock, NextDeploy},
};

scenario! {
    Scenario {
        id: "bosh::lock_of_living_task_deleted",
        story: "A deploy hangs in the CPI and holds the deployment's lock. Somebody deletes the lock's row by psql, \
                with the director running, and deploys again. The task that hangs learns of it at its next renewal, \
                and cannot stop: both tasks now have create_vm in flight for the same instances at the same \
                addresses.",
        source: "measured facts, danger: the row of a living task's lock deleted",
        faults: &[
            "the cloud-config has z3 in a subnet that cannot be reached",
            "a deploy hangs",
            "its lock's row is deleted, and the same is deployed again",
        ],
        detector: Some(DOUBLE_CREATE),
        also: &[STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER, CANCEL_OVERDUE],
        runbooks: &[
            "refuses: delete the lock's row, whose holder lives",
            "refuses: deploy again, while a task hangs",
            "harmful: delete the lock's row, whoever holds it, and deploy again",
        ],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let wrong = WrongSubnet::of(steady.system());
    let mut stage = steady.inject(wrong).await?;
    let robbed = recipe::deploy(&stage).await?;
    recipe::hangs(&stage, robbed).await?;
    stage.effect_begins();
    let mut broken = stage.detect(STUCK_TASK, Setup::PLAIN.production(900) + Duration::from_secs(10)).await?;
    broken.must_refuse(&DeleteLock { forced: false }).await?;
    broken.must_refuse(&NextDeploy { forced: false }).await?;
    broken.force(&DeleteLock { forced: true }).await?;
    broken.effect_begins();
    broken.force(&NextDeploy { forced: true }).await?;
    let limit = Duration::from_secs(20);
    let broken = broken.then_detects(ZOMBIE_HOLDER, limit).await?.then_detects(DOUBLE_CREATE, limit).await?;
    let found = broken.harmed().await?;
    if found.repeated.len() == manifest::WEBS {
        return Ok(());
    }
    let webs = manifest::WEBS;
    Err(Error::failed(format!("each of the {webs} create_vm should be in flight twice, but: {found}")))
}
