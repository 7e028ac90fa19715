//! A task's process is suspended for longer than its lock lives, and resumed.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    faults::{IaasBehaves, job_suspended},
    manifest::PAASTA_LOCK,
    recipe::{self, FIRST, SECOND},
    runbooks::EndZombie,
    stories,
};

scenario! {
    Scenario {
        id: "bosh::suspended_job",
        story: "Task 100, whose CPI calls hang, is suspended for longer than its lock lives, as in a frozen VM. The \
                lock expires; task 163 takes the row over and makes the same VMs, while `locks` still names task 100. \
                Resumed, task 100 finds at its next renewal that the lock is not its any more, becomes `cancelling` \
                without any cancel, and cannot stop: it waits for its calls. Task 163 is well and must be left alone.",
        source: "measured facts, look-alikes: a suspended worker, a takeover, then its resume; the row is not resurrected",
        faults: &[
            "the create_vm calls of task 100 stand still",
            "its process is suspended until the lock has expired",
            "create_vm takes eight seconds; task 163 deploys the same",
            "the process of task 100 is resumed",
        ],
        detector: Some(ZOMBIE_HOLDER),
        // Stuck it is, until it is suspended.
        also: &[DOUBLE_CREATE, CANCEL_OVERDUE, WRONG_SUBNET, STUCK_TASK],
        runbooks: &["right: end the task that lost its lock, and it alone"],
        fingerprints: PRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "lost",
        report: "Lock renewal thread exiting",
        shows: |seen| logged(seen, &["task 100 debug: ", "Lock renewal thread exiting"]),
    },
    Fingerprint {
        id: "cancelling-without-a-cancel",
        report: "its own state becomes `cancelling` with no user cancel",
        shows: |seen| stories::was(seen, FIRST, "cancelling"),
    },
    Fingerprint {
        id: "locks-names-the-wrong-task",
        report: "a takeover does not update task_id",
        shows: |seen| stories::lock_names(seen, PAASTA_LOCK, FIRST, SECOND),
    },
];

async fn run(lab: Lab) -> Result<()> {
    let (mut stage, _) = stories::blocked(&lab, Setup::PLAIN, &[]).await?;
    let suspended = stage.strike(job_suspended(FIRST)).await?;
    stories::lock_is_left(&stage, PAASTA_LOCK, 0).await?;
    let slow = IaasBehaves::new("create_vm takes eight seconds", stage.system(), |behaviour| {
        behaviour["rules"] = serde_json::json!([{"method": "create_vm", "az": "z3", "do": "ok", "ms": 8000}]);
    });
    stage.strike(slow).await?;
    recipe::deploy_as(&stage, SECOND).await?;
    recipe::hangs(&stage, SECOND).await?;
    stage.mend_one(suspended).await?;
    stage.effect_begins();
    let stage = stage.fingerprints(PRINTS, Duration::from_secs(10)).await?;
    let broken = stage.detect(ZOMBIE_HOLDER, Duration::from_secs(15)).await?;
    let database = broken.system().database.clone();
    recipe::healed_by(&EndZombie { setup: Setup::PLAIN }, broken).await?;
    match database.task(SECOND).await?.map(|task| task.state) {
        Some(state) if state == "done" => Ok(()),
        state => Err(Error::failed(format!("task {SECOND} was well, and is {state:?} now"))),
    }
}
