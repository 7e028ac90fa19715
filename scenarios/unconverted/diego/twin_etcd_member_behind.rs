//! Twin: a member of etcd was away for long, and is sent a snapshot.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{PowerOn, ShutDown},
    scenario,
    stage::Lab,
};

use super::super::{Setup, recipe, stories::quorum};

scenario! {
    Scenario {
        id: "diego::twin_etcd_member_behind",
        story: "One of etcd's machines is away for maintenance while much is written: so much that the others have no \
                log any more of what it lacks. Switched on it says no word of that, is sent a snapshot, and has \
                caught up.",
        source: "the list of twins",
        faults: &["etcd3 is shut down", "5500 entries are written", "etcd3 is switched on"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

/// The others keep 5000 entries behind their newest snapshot.
const ENTRIES: u32 = 5500;

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    stage.strike(ShutDown { nodes: vec!["etcd3".into()], grace_s: 30 }).await?;
    quorum::write_many(&stage, "etcd1", ENTRIES).await?;
    stage.strike(PowerOn::of(&["etcd3"])).await?;
    quorum::logs(&stage, &["etcd3"], &["raft applied incoming snapshot at index"], Duration::from_secs(30)).await?;
    stage.heals_itself(Duration::from_secs(60)).await?.quiet(recipe::QUIET).await?.finish().await
}
