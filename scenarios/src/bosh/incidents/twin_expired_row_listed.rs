//! Twin: `bosh locks` lists a lock that has expired.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn},
    scenario,
    stage::Lab,
};

use super::super::{DIRECTOR, Setup, faults::IaasBehaves, manifest::PAASTA_LOCK, recipe, stories};

/// A tenth of production's pace: the director has six seconds to be back before the lock
/// expires, and six until the row is listed no more.
const SETUP: Setup = Setup { scale: 0.1, ..Setup::PLAIN };

scenario! {
    Scenario {
        id: "bosh::twin_expired_row_listed",
        story: "The director loses its power in a deploy and comes back just when the dead task's lock expires. For \
                another 60 s `bosh locks` lists the row, with a time that has passed: it is no lock. Then the list is \
                empty, and the next deploy goes through.",
        source: "measured facts, look-alikes: an expired row is listed up to 60 s more",
        faults: &["create_vm takes five seconds", "the director loses its power in a deploy", "it boots"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, SETUP).await?;
    // What others had in hand would be lost as well: that is another story.
    recipe::others_rest(&stage).await?;
    let slow = IaasBehaves::slow(stage.system());
    let slow = stage.strike(slow).await?;
    let dead = recipe::deploy(&stage).await?;
    recipe::hangs(&stage, dead).await?;
    stage.strike(PowerOff::of(&[DIRECTOR])).await?;
    stories::lock_is_left(&stage, PAASTA_LOCK, 60).await?;
    if stage.system().database.lock(PAASTA_LOCK).await?.is_none() {
        return Err(Error::inconclusive("the dead task left no lock, so this was no look-alike"));
    }
    stage.strike(PowerOn::of(&[DIRECTOR])).await?;
    stage.mend_one(slow).await?;
    stories::lists_an_expired_lock(&stage).await?;
    stories::lists_no_lock(&stage).await?;
    recipe::asked_for(&stage, dead, "timeout").await?;
    let next = recipe::deploy(&stage).await?;
    recipe::becomes(&stage, next, "done", Duration::from_secs(20)).await?;
    stage.workload().resume();
    stage.heals_itself(Duration::from_secs(20)).await?.quiet(recipe::QUIET).await?.finish().await
}
