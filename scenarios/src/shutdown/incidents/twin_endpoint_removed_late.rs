//! Twin: the endpoint is removed a second after SIGTERM.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{App, Setup, recipe};

scenario! {
    Scenario {
        id: "shutdown::twin_endpoint_removed_late",
        story: "The endpoint's removal reaches the clients a second after SIGTERM reached the service: requests are \
                refused, which clients see and may try again. Nothing that was answered is lost.",
        source: "measured facts, other variants: endpoint removed 1 s after SIGTERM, 186 refused, 0 lost",
        faults: &["app1 is deleted, and routed to for a second more"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::of(App::Rust("tracker"))).await?;
    let deletion = recipe::deleted(&stage).unrouted_after(Some(Duration::from_secs(1)));
    let seen = deletion.ended();
    stage.strike(deletion).await?;
    recipe::must_have_ended(&stage, seen.get(), Some(0))?;
    if recipe::refused(&stage) == 0 {
        return Err(Error::inconclusive("no request was refused, so the endpoint was not removed late"));
    }
    stage.heals_itself(Duration::from_secs(20)).await?.quiet(Duration::from_secs(5)).await?.finish().await
}
