//! Twin: one of etcd's three machines loses power.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn},
    scenario,
    stage::Lab,
};

use super::super::{Setup, recipe, stories::quorum};

scenario! {
    Scenario {
        id: "diego::twin_etcd_minority_lost",
        story: "The machine of etcd's leader loses power: the two others elect one of themselves and go on. That is \
                what three are for; the member that is away has no old data to tell, because it tells nothing. \
                Switched on it catches up.",
        source: "the list of twins; measured facts (a)",
        faults: &["the leader's machine loses power", "it is switched on"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let leader = quorum::leader(stage.system()).await?;
    stage.strike(PowerOff::of(&[leader])).await?;
    stage.writes(40, Duration::from_secs(60)).await?;
    // For longer than the detectors of a lost quorum and of a stale member wait.
    let mut stage = stage.quiet(Duration::from_secs(8)).await?;
    stage.strike(PowerOn::of(&[leader])).await?;
    stage.heals_itself(Duration::from_secs(60)).await?.quiet(recipe::QUIET).await?.finish().await
}
