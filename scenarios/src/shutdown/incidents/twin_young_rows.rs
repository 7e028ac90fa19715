//! Twin: a healthy service, always with work in flight.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{App, Setup, recipe};

scenario! {
    Scenario {
        id: "shutdown::twin_young_rows",
        story: "A healthy service whose works take two seconds: at any moment a hundred rows are without their flag, \
                drafts never get one, and telemetry is dropped when there is much of it. Without an age limit a \
                reconciliation would call all of that lost.",
        source: "measured facts, detection: 101 rows with no limit, 0 when older than 0.6 s",
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { work: Duration::from_secs(2), ..Setup::of(App::Rust("spawn")) };
    let stage = recipe::steady(&lab, setup).await?.quiet(Duration::from_secs(6)).await?;
    if recipe::unmatched(&stage).await? == 0 {
        return Err(Error::inconclusive("no row was ever young, so this was no look-alike"));
    }
    stage.finish().await
}
