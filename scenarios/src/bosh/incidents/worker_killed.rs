//! A worker is killed with its task, and the CPI's processes finish their work later.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::{LEAKED_VMS, STALE_LOCK},
    faults::{IaasBehaves, WorkerAndJobKilled},
    recipe,
    runbooks::EndStuckTask,
    stories,
};

scenario! {
    Scenario {
        id: "bosh::worker_killed",
        story: "The worker at task 100 is killed, and the task's process with it, while three create_vm are in flight. \
                The CPI's processes live on as orphans. The worker comes back under its name and drops the job, which \
                is not queued; the task stays `processing`, and its lock is nobody's until it expires. Then the \
                network recovers, and the orphans finish: three VMs that hold their addresses, that no row of `vms` \
                knows, and that a cloud check cannot see.",
        source: "measured facts: worker killed and restarted under the same name; CPI children survive",
        faults: &[
            "z3's network is unreachable while task 100 makes its VMs there",
            "the worker and the task's process are killed",
            "z3's network is back",
        ],
        detector: Some(STALE_LOCK),
        also: &[LEAKED_VMS],
        runbooks: &["right: wait for the lock's expiry, delete the VMs that nobody knows, deploy"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// A twentieth of production's pace: the lock lives for twelve seconds, of which the dead
/// task's has nine to be noticed.
const SETUP: Setup = Setup { scale: 0.05, ..Setup::PLAIN };

/// What the worker, back under its name, says of the job that it had.
const DROPPED: [&str; 1] = ["Cannot perform job for task 100 (not in 'queued' state)"];

async fn run(lab: Lab) -> Result<()> {
    let mut steady = recipe::steady(&lab, SETUP).await?;
    let fails = IaasBehaves::subnet_unreachable(steady.system());
    let network = steady.strike(fails).await?;
    let tasks = stories::deploys(&steady, &[]).await?;
    stories::hang(&steady, &tasks).await?;
    // Dead, its lock is to live long enough to be seen so: it was renewed just now.
    stories::renewed(&steady).await?;
    let stage = steady.inject(WorkerAndJobKilled::at(recipe::FIRST)).await?;
    stage.workload().resume();
    let limit = SETUP.production(241) + Duration::from_secs(10);
    let mut broken = stage.detect(STALE_LOCK, limit).await?;
    stories::logs(&broken, &DROPPED, Duration::from_secs(10)).await?;
    broken.mend_one(network).await?;
    broken.effect_begins();
    let broken = broken.then_detects(LEAKED_VMS, Duration::from_secs(20)).await?;
    let broken = broken.stays_broken(SETUP.production(600)).await?;
    recipe::healed_by(&EndStuckTask { setup: SETUP }, broken).await
}
