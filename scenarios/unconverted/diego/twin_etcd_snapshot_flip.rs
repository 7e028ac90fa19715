//! Twin: a member's snapshots are damaged.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::PowerOn, scenario, stage::Lab};

use super::super::{Setup, faults::What, recipe, stories::data};

scenario! {
    Scenario {
        id: "diego::twin_etcd_snapshot_flip",
        story: "An etcd machine loses its power, and its snapshots are damaged. Its etcd puts them aside as broken, and has its \
                log and its database: there is nothing to do.",
        source: "measured facts (b): snapshot flips",
        faults: &["etcd3 loses power", "all of its snapshots are damaged", "it boots"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let mut stage = data::with_snapshots(&lab, setup).await?;
    data::damaged_while_off(&mut stage, &["etcd3"], What::Snapshots).await?;
    stage.strike(PowerOn::of(&["etcd3"])).await?;
    data::logs(&stage, "etcd3", "corrupted snapshot file").await?;
    let stage = stage.heals_itself(Duration::from_secs(40)).await?;
    // The BBS may still wait for the one that was away.
    stage.writes(10, Duration::from_secs(30)).await?;
    stage.quiet(recipe::QUIET).await?.finish().await
}
