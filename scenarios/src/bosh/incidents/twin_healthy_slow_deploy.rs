//! Twin: a deploy that takes its time.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, faults::IaasBehaves, recipe};

scenario! {
    Scenario {
        id: "bosh::twin_healthy_slow_deploy",
        story: "A deploy whose create_vm take five seconds each, 250 s of production: meanwhile its debug log renews \
                the lock and writes checkpoints, and nothing else. Then it goes on and ends well.",
        source: "measured facts, look-alikes: a healthy slow deploy",
        faults: &["create_vm takes five seconds"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let slow = IaasBehaves::slow(stage.system());
    stage.strike(slow).await?;
    let task = recipe::deploy(&stage).await?;
    recipe::hangs(&stage, task).await?;
    recipe::becomes(&stage, task, "done", Duration::from_secs(30)).await?;
    stage.mend().await?;
    stage.heals_itself(Duration::from_secs(10)).await?.quiet(recipe::QUIET).await?.finish().await
}
