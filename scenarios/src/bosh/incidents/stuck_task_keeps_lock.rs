//! The report: a stuck task keeps the deployment lock, and the next deploy hangs alike.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    recipe::{self, FINGERPRINTS},
    runbooks::EndStuckTask,
};

scenario! {
    Scenario {
        id: "bosh::stuck_task_keeps_lock",
        story: "The cloud-config has a zone's subnet wrong. Task 100, a deploy, hangs in the CPI in a network that \
                cannot be reached, and is cancelled in vain: it stays `cancelling`. Somebody deletes its lock's row; \
                task 163 takes the deployment over and hangs alike, its debug log only renewing the lock and writing \
                checkpoints after the writes of link_consumer_intents, with a second create_vm in flight for each \
                instance.",
        source: "report 000; the measured facts' reading of it",
        faults: &[
            "the cloud-config has z3 in a subnet that cannot be reached",
            "task 100 hangs; bosh cancel-task 100",
            "its lock's row is deleted",
            "task 163 deploys the same and hangs",
        ],
        detector: Some(STUCK_TASK),
        also: &[CANCEL_OVERDUE, ZOMBIE_HOLDER, WRONG_SUBNET, DOUBLE_CREATE],
        runbooks: &["right: cancel, end the CPI calls that hang, correct the cloud-config, deploy"],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stuck = recipe::stuck(&lab).await?;
    let broken = recipe::detected(stuck).await?;
    let broken = broken.stays_broken(Setup::PLAIN.production(600)).await?;
    recipe::healed_by(&EndStuckTask { setup: Setup::PLAIN }, broken).await
}
