//! Twin: a planned restart of etcd's machines, one after another.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{PowerOn, ShutDown},
    scenario,
    stage::Lab,
};

use super::super::{ETCDS, Setup, recipe};

scenario! {
    Scenario {
        id: "diego::twin_etcd_rolling_restart",
        story: "An operator restarts etcd's machines one by one, as for an upgrade: the next one when all three members \
                have a leader again.",
        source: "the list of twins; measured facts: Met today, too fast a rolling restart",
        faults: &["each of etcd's machines in turn is shut down and switched on"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        budget: Duration::from_secs(120),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    for node in ETCDS {
        stage.strike(ShutDown { nodes: vec![node.into()], grace_s: 30 }).await?;
        stage.strike(PowerOn::of(&[node])).await?;
        stage = stage.heals_itself(Duration::from_secs(60)).await?;
    }
    stage.quiet(recipe::QUIET).await?.finish().await
}
