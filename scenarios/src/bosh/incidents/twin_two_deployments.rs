//! Twin: two deployments are deployed at once, each under its own lock.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Lab, Stage, phase::Steady},
    wait::Look,
};

use super::super::{Director, Setup, faults::IaasBehaves, manifest, recipe};

scenario! {
    Scenario {
        id: "bosh::twin_two_deployments",
        story: "Two people deploy at once, one paasta and one a portal beside it, and both take their time. There are \
                two locks and two tasks that say nothing but renewals and checkpoints, and each has its own: nobody \
                waits for anybody, and there is no lock to delete.",
        source: "measured facts, look-alikes: two deployments: deleting the wrong lock",
        faults: &["create_vm takes eight seconds for both"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    // Nobody else's: their workers would all be busy.
    let slow = IaasBehaves::new("create_vm takes eight seconds for both", stage.system(), |behaviour| {
        let rule = |instance| serde_json::json!({"method": "create_vm", "instance": instance, "do": "ok", "ms": 8000});
        behaviour["rules"] = serde_json::json!([rule("web"), rule("portal")]);
    });
    stage.strike(slow).await?;
    let one = recipe::deploy(&stage).await?;
    let other = stage.system().api.deploy(&manifest::portal()).await?;
    stage.lab().note("story", format!("task {other}: bosh deploy -d {}", manifest::PORTAL));
    both_locks(&stage).await?;
    for task in [one, other] {
        recipe::becomes(&stage, task, "done", Duration::from_secs(30)).await?;
    }
    stage.mend().await?;
    stage.heals_itself(Duration::from_secs(10)).await?.quiet(recipe::QUIET).await?.finish().await
}

/// Waits until both are at it at once: else this was no look-alike.
async fn both_locks(stage: &Stage<Director, Steady>) -> Result<()> {
    let database = &stage.system().database;
    let look = || async {
        for lock in [manifest::PAASTA_LOCK, manifest::PORTAL_LOCK] {
            match database.lock(lock).await {
                Ok(Some(_)) => {}
                Ok(None) => return Look::NotYet(format!("there is no {lock}")),
                Err(error) => return Look::NotYet(error.to_string()),
            }
        }
        Look::Ready(())
    };
    stage.wait_for("two locks at once", Duration::from_secs(15), look).await
}
