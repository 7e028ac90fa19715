//! Twin: a director that comes back, with a lock of a dead task that is about to expire.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn},
    scenario,
    stage::Lab,
};

use super::super::{DIRECTOR, Setup, faults::IaasBehaves, manifest::PAASTA_LOCK, recipe};

scenario! {
    Scenario {
        id: "bosh::twin_restarted_director",
        story: "The director's machine loses its power in the middle of a deploy and comes back minutes later. The \
                task is dead, shows `processing`, and its lock is still there; it expires within the minute, and the \
                next deploy goes through. There is nothing to do but to wait.",
        source: "measured facts, look-alikes: director restarted, stale unexpired lock, dead task: wait, don't delete",
        faults: &["create_vm takes five seconds", "the director loses its power in a deploy", "it boots"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    // What others had in hand would be lost as well: that is another story.
    recipe::others_rest(&stage).await?;
    let slow = IaasBehaves::slow(stage.system());
    let slow = stage.strike(slow).await?;
    let dead = recipe::deploy(&stage).await?;
    recipe::hangs(&stage, dead).await?;
    stage.strike(PowerOff::of(&[DIRECTOR])).await?;
    recipe::locks_run_out(&stage, 40).await?;
    if stage.system().database.lock(PAASTA_LOCK).await?.is_none() {
        return Err(Error::inconclusive("the dead task left no lock, so this was no look-alike"));
    }
    stage.strike(PowerOn::of(&[DIRECTOR])).await?;
    stage.mend_one(slow).await?;
    recipe::locks_run_out(&stage, 0).await?;
    recipe::serves(&stage).await?;
    // Whoever asks for the dead task makes it `timeout`.
    recipe::asked_for(&stage, dead, "timeout").await?;
    let next = recipe::deploy(&stage).await?;
    recipe::becomes(&stage, next, "done", Duration::from_secs(20)).await?;
    stage.workload().resume();
    stage.heals_itself(Duration::from_secs(20)).await?.quiet(recipe::QUIET).await?.finish().await
}
