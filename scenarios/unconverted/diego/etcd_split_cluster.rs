//! A wiped member founds a cluster of its own, and all three are healthy.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::Partition,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::SPLIT_CLUSTER,
    recipe,
    runbooks::{ChooseCluster, RebuildFromSurvivor, ReplaceMember},
    stories::{data, members},
};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "cluster_mismatch",
    report: "`request cluster ID mismatch (got … want …)`",
    shows: |seen| logged(seen, &["request cluster ID mismatch"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_split_cluster",
        story: "An etcd machine is cut off from the others and comes back with an empty disk. Diego's script cannot list \
                the members and founds a new cluster, of this one alone. The network is mended: all three answer that \
                they are healthy, and one of them has none of the data and takes writes of its own.",
        source: "report 003, \"these distributed registries start arguing\"; measured facts: what Diego did, (c)",
        faults: &["etcd3 is cut off from the other two", "it loses power and its disk, and boots", "the cut is mended"],
        detector: Some(SPLIT_CLUSTER),
        runbooks: &[
            "right: remove the one that is alone, wipe it, add it again",
            "false success: ask each member's /health",
            "refuses: replace one of the two",
            "refuses: rebuild, or keep the cluster of the one that is alone",
        ],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let mut steady = recipe::steady(&lab, setup).await?;
    let cut = steady.strike(Partition::between(&["etcd3"], &["etcd1", "etcd2"])).await?;
    let mut stage = data::wiped(steady, "etcd3").await?;
    members::found_their_own(&stage, &["etcd3"]).await?;
    stage.mend_one(cut).await?;
    stage.effect_begins();
    let broken = stage.fingerprints(FINGERPRINTS, Duration::from_secs(15)).await?;
    let broken = broken.detect(SPLIT_CLUSTER, Duration::from_secs(15)).await?;
    members::all_say_healthy(&broken).await?;
    let broken = broken.stays_broken(Duration::from_secs(15)).await?;
    broken.must_refuse(&ReplaceMember { setup, node: "etcd1" }).await?;
    broken.must_refuse(&ChooseCluster { setup, keep: Some("etcd3") }).await?;
    broken.must_refuse(&RebuildFromSurvivor { setup, from: Some("etcd3") }).await?;
    recipe::healed_by(&ReplaceMember { setup, node: "etcd3" }, broken, Duration::from_secs(60)).await
}
