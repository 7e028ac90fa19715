//! `bosh locks` names a task that does not hold the lock.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    faults::{WrongSubnet, job_suspended},
    manifest::PAASTA_LOCK,
    recipe::{self, FIRST, SECOND},
    runbooks::{EndStuckTask, KillNamedTask},
};

scenario! {
    Scenario {
        id: "bosh::stale_task_id",
        story: "Task 100, which hangs in the CPI, is frozen for longer than its lock lives. Task 163 takes the expired \
                row over, which leaves its task_id as it is, and hangs alike. When 100 thaws it finds its lock lost \
                and becomes `cancelling`, with nobody having cancelled it. From now on `bosh locks` and the error of \
                every further deploy name task 100, and 163 holds the lock.",
        source: "measured facts: a takeover of an expired lock does not update task_id",
        faults: &[
            "the cloud-config has z3 in a subnet that cannot be reached",
            "task 100 hangs, and is frozen until its lock has expired",
            "task 163 takes the lock over and hangs",
        ],
        detector: Some(STUCK_TASK),
        also: &[ZOMBIE_HOLDER, WRONG_SUBNET, DOUBLE_CREATE, CANCEL_OVERDUE],
        runbooks: &[
            "right: identify the owner by events, end the CPI calls that hang, correct the cloud-config, deploy",
            "refuses: kill the task that `bosh locks` names, which is not the holder",
            "false success: the same, forced: 163 keeps the lock and hangs",
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
    recipe::deploy_as(&stage, FIRST).await?;
    recipe::hangs(&stage, FIRST).await?;
    let frozen = stage.strike(job_suspended(FIRST)).await?;
    recipe::locks_run_out(&stage, 0).await?;
    recipe::deploy_as(&stage, SECOND).await?;
    recipe::hangs(&stage, SECOND).await?;
    stage.effect_begins();
    stage.mend_one(frozen).await?;
    let named = stage.system().database.lock(PAASTA_LOCK).await?.map(|row| row.task_id);
    if named.as_deref() != Some("100") {
        return Err(Error::inconclusive(format!("the lock's row names {named:?}: it was not taken over")));
    }
    recipe::becomes(&stage, FIRST, "cancelling", Setup::PLAIN.production(241) + Duration::from_secs(5)).await?;
    let broken = stage.detect(STUCK_TASK, Setup::PLAIN.production(900) + Duration::from_secs(10)).await?;
    tells_the_owner(&lab)?;
    broken.must_refuse(&KillNamedTask { forced: false }).await?;
    let broken =
        broken.is_deceived(&KillNamedTask { forced: true }, Duration::from_secs(2)).await?.still_detects(STUCK_TASK)?;
    recipe::healed_by(&EndStuckTask { setup: Setup::PLAIN }, broken).await
}

/// The detector names both: who holds the lock, and whom the row names.
fn tells_the_owner(lab: &Lab) -> Result<()> {
    let wanted = [format!("task {SECOND} holds it"), format!("`locks` names task {FIRST}, which does not hold it")];
    let episodes = lab.episodes();
    let told = |words: &String| {
        let stuck = episodes.iter().filter(|episode| episode.detector == STUCK_TASK);
        stuck.flat_map(|episode| &episode.evidence).any(|line| line.contains(words))
    };
    match wanted.iter().find(|words| !told(words)) {
        None => Ok(()),
        Some(words) => Err(Error::failed(format!("{STUCK_TASK} does not say that {words}"))),
    }
}
