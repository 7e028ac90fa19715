//! Twin: exit code 137, and nothing was pending.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{App, Setup, faults::End, recipe};

scenario! {
    Scenario {
        id: "shutdown::twin_killed_with_nothing_pending",
        story: "A replica is killed at a quiet moment: exit code 137, and no work of it was in flight. The code alone \
                proves no loss.",
        source: "issue, twins: a 137 with nothing pending",
        faults: &["the workload pauses", "app1 is killed"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::of(App::Rust("spawn"))).await?;
    recipe::nothing_in_flight(&stage).await?;
    let deletion = recipe::deleted(&stage).by(End::Killed);
    let seen = deletion.ended();
    stage.strike(deletion).await?;
    stage.workload().resume();
    recipe::must_have_ended(&stage, seen.get(), Some(137))?;
    stage.heals_itself(Duration::from_secs(20)).await?.quiet(Duration::from_secs(5)).await?.finish().await
}
