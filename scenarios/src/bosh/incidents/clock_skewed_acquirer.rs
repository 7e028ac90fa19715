//! A worker's clock is ahead, and its tasks take locks that are held.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{Kill, Signal},
    scenario,
    stage::{Lab, Stage, phase::Faulted},
};

use super::super::{
    DIRECTOR, Director, Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, ZOMBIE_HOLDER},
    faults::{ClockSkewed, IaasBehaves},
    recipe,
    runbooks::{DeleteLock, SetClocks},
};

scenario! {
    Scenario {
        id: "bosh::clock_skewed_acquirer",
        story: "Two workers' clocks are four minutes ahead. A healthy deploy takes its time on the third; on one of the \
                two the next deploy of the same runs. By its clock the lock has expired: it takes it over at once, \
                from a task that renews it, and both tasks have create_vm in flight for the same instances at the \
                same addresses.",
        source: "measured facts, traps: an acquirer whose clock runs over 121 s ahead; at 250 s it need not wait for \
                 a moment before a renewal",
        faults: &[
            "create_vm takes nine seconds",
            "the clocks of two workers are 250 s of production ahead",
            "a deploy is under way on the third",
            "the same is deployed again",
        ],
        detector: Some(ZOMBIE_HOLDER),
        also: &[DOUBLE_CREATE, CANCEL_OVERDUE],
        runbooks: &[
            "right: end the task that lost its lock, set the workers' clocks, let the holder finish",
            "refuses: delete the lock's row, whose holder lives",
        ],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// The workers whose clocks are ahead; the third one's is right.
const AHEAD: [&str; 2] = ["worker_2", "worker_3"];

/// By how many seconds of production: longer than the 241 s that a lock lives.
const SECONDS: i64 = 250;

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    // Below the 600 s of production after which a call is suspect: 12 s here.
    let slow = IaasBehaves::new("create_vm takes nine seconds", stage.system(), |behaviour| {
        behaviour["rules"] = serde_json::json!([{"method": "create_vm", "az": "z3", "do": "ok", "ms": 9000}]);
    });
    let slow = stage.strike(slow).await?;
    // A worker is started again to get its clock, and drops the task that it has.
    recipe::others_rest(&stage).await?;
    stage.strike(ClockSkewed::new(AHEAD[0], SECONDS)).await?;
    let mut stage = stage.inject(ClockSkewed::new(AHEAD[1], SECONDS)).await?;
    let robbed = deploy_by_the_right(&mut stage).await?;
    let robber = recipe::deploy(&stage).await?;
    recipe::hangs(&stage, robber).await?;
    recipe::hangs(&stage, robbed).await?;
    stage.effect_begins();
    let mut broken = stage.detect(ZOMBIE_HOLDER, Duration::from_secs(10)).await?;
    broken.mend_one(slow).await?;
    let broken = broken.refuses(&DeleteLock { forced: false }).await?;
    recipe::healed_by(&SetClocks, broken).await
}

/// A deploy that no worker with a wrong clock takes: they stand still until another has it,
/// and the other users rest.
async fn deploy_by_the_right(stage: &mut Stage<Director, Faulted>) -> Result<u64> {
    recipe::others_rest(stage).await?;
    let mut frozen = Vec::new();
    for worker in AHEAD {
        let process = format!("director worker --name {worker}");
        frozen.push(stage.strike(Kill { node: DIRECTOR.into(), process, signal: Signal::Stop }).await?);
    }
    let task = recipe::deploy(stage).await?;
    recipe::hangs(stage, task).await?;
    for worker in frozen {
        stage.mend_one(worker).await?;
    }
    stage.workload().resume();
    Ok(task)
}
