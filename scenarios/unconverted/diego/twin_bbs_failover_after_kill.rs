//! Twin of a stuck lock: the BBS that leads vanishes.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::PowerOff, scenario, stage::Lab};

use super::super::{
    Setup, recipe,
    stories::consul::{leader_and_standby, until_leads},
};

scenario! {
    Scenario {
        id: "diego::twin_bbs_failover_after_kill",
        story: "The machine of the BBS that leads loses power. Its session lives on, and for a while no BBS listens; \
                Consul ends it after at most twice its time to live, and the other one leads. Switched on again the \
                first one waits.",
        source: "measured facts (f): vanished, TTL 10 s: 20 s",
        faults: &["the machine of the BBS that leads loses power"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let (leader, standby) = leader_and_standby(&stage).await?;
    stage.strike(PowerOff::of(&[leader])).await?;
    until_leads(&stage, standby, Duration::from_secs(40)).await?;
    stage.operator().power_on(leader).await?;
    stage.heals_itself(Duration::from_secs(40)).await?.quiet(recipe::QUIET).await?.finish().await
}
