//! Twin: etcd's leader hands over.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{ETCDS, Setup, faults::LeaderMoved, recipe, stories::quorum};

scenario! {
    Scenario {
        id: "diego::twin_etcd_leader_transfer",
        story: "Before its machine is worked on, etcd's leader hands over to another member, and that one to the third: \
                new terms, new leaders, and no election that anybody waits for.",
        source: "the list of twins",
        faults: &["etcd's leader hands over to each of the others in turn"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let leader = quorum::leader(stage.system()).await?;
    for to in ETCDS.into_iter().filter(|node| *node != leader) {
        stage.strike(LeaderMoved { setup: Setup::PLAIN, to }).await?;
        stage.writes(10, Duration::from_secs(30)).await?;
    }
    stage.heals_itself(Duration::from_secs(30)).await?.quiet(recipe::QUIET).await?.finish().await
}
