//! Twin of `consul_old_peers`: with a newer raft protocol a peer is its id.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, faults::Readdressed, recipe};

scenario! {
    Scenario {
        id: "diego::twin_consul_new_addresses_raft_3",
        story: "One of Consul's machines is made anew with its disk, and gets another address. With raft protocol 3 a \
                peer is known by its id: once the others have given the old address up, which takes gossip most of a \
                minute, it is taken back at the new one.",
        source: "measured facts (e): new addresses, with raft protocol 3",
        faults: &["consul1 gets a new address and keeps its disk"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        budget: Duration::from_secs(180),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    stage.strike(Readdressed(&["consul1"])).await?;
    stage.heals_itself(Duration::from_secs(120)).await?.quiet(recipe::QUIET).await?.finish().await
}
