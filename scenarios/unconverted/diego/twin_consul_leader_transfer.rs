//! Twin of a lost quorum: Consul's leader is restarted in order.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, runbook::Runbook, scenario, stage::Lab};

use super::super::{
    Setup, recipe,
    runbooks::RestartServer,
    stories::consul::{leader_and_others, leader_and_standby},
};

scenario! {
    Scenario {
        id: "diego::twin_consul_leader_transfer",
        story: "An operator restarts the server that leads Consul. The others elect another one, and the BBS that leads \
                keeps its lock over that.",
        source: "measured facts: a healthy election takes up to 2.2 s; what Diego did: the lock outlives it",
        faults: &["Consul's leader is restarted in order"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let (bbs, _) = leader_and_standby(&stage).await?;
    let (leader, _) = leader_and_others(&stage).await?;
    RestartServer { node: leader }.run(&stage.operator()).await?;
    let stage = stage.heals_itself(Duration::from_secs(40)).await?;
    let (still, _) = leader_and_standby(&stage).await?;
    if still != bbs {
        return Err(Error::failed(format!("{bbs} has lost the lock to {still}, although Consul was only restarted")));
    }
    stage.quiet(recipe::QUIET).await?.finish().await
}
