//! All three members found clusters of their own: three leaders, three truths.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::{Partition, PowerOff, PowerOn},
    scenario,
    stage::{Lab, System},
    wait,
};

use super::super::{
    ETCDS, Setup,
    detectors::{ORPHAN, QUORUM_LOST, SPLIT_CLUSTER},
    faults::Wiped,
    recipe,
    runbooks::{ChooseCluster, RebuildFromSurvivor, ReplaceMember},
    stories::{data, members},
};

scenario! {
    Scenario {
        id: "diego::etcd_all_bootstrapped_alone",
        story: "All etcd machines lose their disks while they are cut off from each other, as in a wipe of all under a \
                failing network. Each one's script finds nobody and founds a cluster. Three healthy leaders take \
                writes, each its own. One of them must be chosen, by somebody who knows what it costs: what was \
                there before is lost, but for the applications, which the Cloud Controller has.",
        source: "report 003, step 2; measured facts (c): all three self-bootstrapped",
        faults: &["etcd's machines are cut off from each other", "all lose power and their disks, and boot", "the cuts are mended"],
        detector: Some(SPLIT_CLUSTER),
        // With all of them off nobody has a leader.
        also: &[QUORUM_LOST, ORPHAN],
        runbooks: &[
            "right: keep the one that the operator names, which has most, and make the others its members",
            "refuses: keep one, unnamed or with fewer keys",
            "refuses: replace one, without a quorum",
        ],
        images: &["diego", "postgres"],
        budget: Duration::from_secs(300),
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let mut stage = recipe::steady(&lab, setup).await?;
    let cut = stage.strike(Partition::shatter(&ETCDS)).await?;
    stage.strike(PowerOff::of(&ETCDS)).await?;
    for node in ETCDS {
        stage.strike(Wiped { node }).await?;
    }
    // The BBS writes to the one that answers, and to another one when that is away.
    let mut stage = stage.inject(PowerOn::of(&["etcd1"])).await?;
    data::is_desired_on(&stage, "etcd1").await?;
    stage.strike(PowerOff::of(&["etcd1"])).await?;
    stage.strike(PowerOn::of(&["etcd2", "etcd3"])).await?;
    let mut broken = stage.detect(SPLIT_CLUSTER, Duration::from_secs(40)).await?;
    data::is_desired_on(&broken, "etcd2").await?;
    broken.strike(PowerOn::of(&["etcd1"])).await?;
    members::found_their_own(&broken, &ETCDS).await?;
    broken.mend_one(cut).await?;
    members::all_say_healthy(&broken).await?;
    let most = members::holds_most(broken.system()).await.map_err(Error::inconclusive)?;
    let fewer = if most == "etcd1" { "etcd2" } else { "etcd1" };
    broken.must_refuse(&ChooseCluster { setup, keep: None }).await?;
    broken.must_refuse(&ChooseCluster { setup, keep: Some(fewer) }).await?;
    broken.must_refuse(&ReplaceMember { setup, node: fewer }).await?;
    broken.must_refuse(&RebuildFromSurvivor { setup, from: None }).await?;
    broken.force(&ChooseCluster { setup, keep: Some(most) }).await?;
    let healthy = wait::until("Diego to be healthy", Duration::from_secs(60), || broken.system().healthy());
    healthy.await?;
    let found = broken.harmed().await?;
    if found.lost.is_empty() {
        return Err(Error::failed(format!("three disks were wiped, and the judge misses nothing: {found}")));
    }
    Ok(())
}
