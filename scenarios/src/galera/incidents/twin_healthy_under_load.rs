//! Twin: nothing happens.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::recipe;

scenario! {
    Scenario {
        id: "galera::twin_healthy_under_load",
        story: "A healthy cluster under writes on all nodes",
        source: "the contract: every detector stays silent",
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    recipe::steady(&lab).await?.quiet(Duration::from_secs(8)).await?.finish().await
}
