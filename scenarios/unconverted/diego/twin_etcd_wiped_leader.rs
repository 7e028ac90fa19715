//! Twin: the leader comes back with an empty disk, and is sent everything.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn},
    scenario,
    stage::Lab,
};

use super::super::{Setup, faults::Wiped, recipe, stories::members};

scenario! {
    Scenario {
        id: "diego::twin_etcd_wiped_leader",
        story: "The etcd machine that leads loses its power and its disk. Another one leads by the time it is back, and \
                has no memory of what it had: it is sent everything, under its old id, and nobody notices. It looks \
                like the wiped follower, and there is nothing to do.",
        source: "measured facts (c): `existing` without remove and add, the leader",
        faults: &["the etcd machine that leads loses power and its disk", "it boots"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let (node, _) = members::leader_and_follower(stage.system()).await?;
    stage.strike(PowerOff::of(&[node])).await?;
    stage.strike(Wiped { node }).await?;
    // Its successor is who must not know it.
    members::are_led_without(&stage, node).await?;
    stage.strike(PowerOn::of(&[node])).await?;
    let stage = stage.heals_itself(Duration::from_secs(40)).await?;
    // The BBS may still wait for the one that was away.
    stage.writes(10, Duration::from_secs(30)).await?;
    stage.quiet(recipe::QUIET).await?.finish().await
}
