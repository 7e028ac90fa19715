//! Twin of two masters: the BBS that leads is frozen until the other one leads.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    faults::BbsFrozen,
    recipe,
    stories::consul::{leader_and_standby, until_leads},
};

scenario! {
    Scenario {
        id: "diego::twin_bbs_holder_frozen",
        story: "The process of the BBS that leads stands still, as on a machine that swaps. It renews nothing, Consul \
                ends its session, and the other one leads. Thawed, the first one finds its session gone and exits: \
                for a moment two have listened, and nothing was lost.",
        source: "measured facts (f): holder SIGSTOPped: the standby took over after 16 s",
        faults: &["the BBS that leads is frozen", "it is thawed once the other one leads"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let (leader, standby) = leader_and_standby(&stage).await?;
    stage.strike(BbsFrozen { node: leader }).await?;
    until_leads(&stage, standby, Duration::from_secs(40)).await?;
    stage.mend().await?;
    stage.heals_itself(Duration::from_secs(40)).await?.quiet(recipe::QUIET).await?.finish().await
}
