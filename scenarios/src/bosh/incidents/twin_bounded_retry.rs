//! Twin: a cancelled task that tries five times and ends by itself.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, faults::IaasBehaves, recipe};

scenario! {
    Scenario {
        id: "bosh::twin_bounded_retry",
        story: "Every create_vm fails after 1.5 s, 75 s of production, in a way that is tried again. The task is \
                cancelled and stays `cancelling`: between the tries it does not look. After the fifth it ends by \
                itself, and as `error`, not `cancelled`. The next deploy goes through.",
        source: "measured facts, how a cancel ends: a retried CPI failure, five times the call's time, `error`",
        faults: &["create_vm in z3 fails and is retried", "bosh cancel-task"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let retries = IaasBehaves::cpi_retries(stage.system());
    stage.strike(retries).await?;
    let task = recipe::deploy(&stage).await?;
    recipe::hangs(&stage, task).await?;
    // Longer than a cancel that is noticed takes, shorter than five tries.
    recipe::cancel_in_vain(&stage, task, 150).await?;
    recipe::becomes(&stage, task, "error", Duration::from_secs(40)).await?;
    stage.mend().await?;
    let next = recipe::deploy(&stage).await?;
    recipe::becomes(&stage, next, "done", Duration::from_secs(20)).await?;
    stage.heals_itself(Duration::from_secs(10)).await?.quiet(recipe::QUIET).await?.finish().await
}
