//! Twin of a stuck lock: the BBS that leads is restarted in order.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup, recipe,
    stories::consul::{leader_and_standby, until_leads},
};

scenario! {
    Scenario {
        id: "diego::twin_bbs_failover_clean",
        story: "An operator restarts the BBS that leads. It destroys its session as it exits, and the other one has the \
                lock at once.",
        source: "measured facts, what Diego did: a clean exit destroys the session",
        faults: &["monit restarts the BBS that leads"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let (leader, standby) = leader_and_standby(&stage).await?;
    lab.phase(format!("restart of the BBS on {leader}"));
    stage.operator().must(leader, &["monit", "restart", "bbs"]).await?;
    until_leads(&stage, standby, Duration::from_secs(20)).await?;
    stage.heals_itself(Duration::from_secs(30)).await?.quiet(recipe::QUIET).await?.finish().await
}
