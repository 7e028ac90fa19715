//! Twin of `consul_old_peers`: with a newer raft protocol a peer is its id.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{CONSULS, Setup, detectors::CONSUL_QUORUM_LOST, faults::Readdressed, recipe};

scenario! {
    Scenario {
        id: "diego::twin_consul_new_addresses_raft_3",
        story: "Consul's machines are made anew with their disks, and get other addresses. With raft protocol 3 a \
                peer is known by its id: the servers find each other where they are now, elect a leader, and the \
                BBS takes its lock again.",
        source: "measured facts (e): new addresses for all, with raft protocol 3",
        faults: &["all of Consul's servers get new addresses and keep their disks"],
        // While the machines are made anew no server is there.
        also: &[CONSUL_QUORUM_LOST],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    stage.strike(Readdressed(&CONSULS)).await?;
    stage.heals_itself(Duration::from_secs(60)).await?.quiet(recipe::QUIET).await?.finish().await
}
