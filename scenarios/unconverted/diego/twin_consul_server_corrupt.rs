//! Twin of `etcd_member_corrupt`: a database of the same kind is damaged, and it is Consul's.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn},
    runbook::{Conclusion, Runbook},
    scenario,
    stage::{Lab, logged},
    wait::Look,
};

use super::super::{Setup, faults::RaftDatabaseCorrupt, recipe, runbooks::RejoinServer};

scenario! {
    Scenario {
        id: "diego::twin_consul_server_corrupt",
        story: "A server of Consul's comes back from a power cut with a damaged raft.db and cannot start. The other two \
                have their quorum, the BBS keeps its lock, and nothing is wrong with etcd, whose database is of the \
                same kind. Wiped alone it joins the others again.",
        source: "measured facts (e): raft.db corrupt: exit 1, Failed to start Raft: invalid database",
        faults: &["consul3 loses power", "the first pages of its raft.db are damaged", "consul3 is switched on"],
        runbooks: &["right: wipe it alone, and let it join the others again"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

const NODE: &str = "consul3";

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    stage.strike(PowerOff::of(&[NODE])).await?;
    stage.strike(RaftDatabaseCorrupt { node: NODE }).await?;
    stage.strike(PowerOn::of(&[NODE])).await?;
    let refuses = || async {
        let said = lab.stream().read(|seen| logged(seen, &["Failed to start Raft", "invalid database"]));
        if said { Look::Ready(()) } else { Look::NotYet("it says nothing of the kind".into()) }
    };
    stage.wait_for("Consul to find its database damaged", Duration::from_secs(20), refuses).await?;
    let stage = stage.quiet(Duration::from_secs(8)).await?;
    let rejoin = RejoinServer { node: NODE };
    match rejoin.run(&stage.operator()).await? {
        Conclusion::Done => {}
        other => return Err(Error::failed(format!("\"{rejoin}\" did not heal it: {other:?}"))),
    }
    stage.heals_itself(Duration::from_secs(40)).await?.quiet(recipe::QUIET).await?.finish().await
}
