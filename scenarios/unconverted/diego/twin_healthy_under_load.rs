//! Twin: nothing happens.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, recipe};

scenario! {
    Scenario {
        id: "diego::twin_healthy_under_load",
        story: "Nothing happens: users ask for tasks and push applications, nsync passes.",
        source: "the control of all others",
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    recipe::steady(&lab, Setup::PLAIN).await?.quiet(Duration::from_secs(6)).await?.finish().await
}
