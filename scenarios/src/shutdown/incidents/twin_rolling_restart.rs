//! Twin: a rolling restart of a service that drains.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::PowerOn, scenario, stage::Lab};

use super::super::{APPS, App, Setup, faults::Deleted, recipe};

scenario! {
    Scenario {
        id: "shutdown::twin_rolling_restart",
        story: "A new version is rolled out: each replica is deleted with a preStop hook of a second and comes back, \
                one after the other, under load.",
        source: "measured facts, other variants: a 2 s preStop sleep, 500 of 500 acknowledged",
        faults: &["app1, then app2: preStop, SIGTERM, started again"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::of(App::Rust("tracker"))).await?;
    for app in APPS {
        let deletion = Deleted::new(app, &stage.system().router, lab.clock()).by(recipe::after_pre_stop());
        stage.strike(deletion).await?;
        stage.strike(PowerOn::of(&[app])).await?;
        recipe::all_are_routed(&stage).await?;
    }
    stage.heals_itself(Duration::from_secs(20)).await?.quiet(Duration::from_secs(5)).await?.finish().await
}
