//! Twin: a member was writing to its log when its power went.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::PowerOn, scenario, stage::Lab};

use super::super::{Setup, faults::What, recipe, stories::data};

scenario! {
    Scenario {
        id: "diego::twin_etcd_torn_tail",
        story: "An etcd machine loses its power in the middle of a write. Its etcd finds the last record of its log torn, \
                repairs that, keeps the old log aside, and is sent by the leader what it lacks. It looks like the member \
                whose log is damaged, and there is nothing to do.",
        source: "measured facts (b): WAL torn tail",
        faults: &["etcd3 loses power", "a record was half written to its log", "it boots"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let mut stage = recipe::steady(&lab, setup).await?;
    data::damaged_while_off(&mut stage, &["etcd3"], What::LogTorn).await?;
    stage.strike(PowerOn::of(&["etcd3"])).await?;
    data::logs(&stage, "etcd3", "repaired WAL error").await?;
    let stage = stage.heals_itself(Duration::from_secs(40)).await?;
    // The BBS may still wait for the one that was away.
    stage.writes(10, Duration::from_secs(30)).await?;
    stage.quiet(recipe::QUIET).await?.finish().await
}
