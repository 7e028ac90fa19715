//! A member holds other values than the others, under the same sums of everything else.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::SILENT_CORRUPTION,
    faults::What,
    recipe,
    runbooks::{RebuildFromSurvivor, ReplaceMember},
    stories::{data, members},
};

scenario! {
    Scenario {
        id: "diego::etcd_silent_corruption",
        story: "Bytes of values change in a member's database while its machine is off. No checksum covers them: it \
                starts, says that it is healthy, and answers with wrong values. Only the sum over all keys tells it \
                from the other two. It must be replaced before it leads.",
        source: "report 003, \"corruption issues\"; measured facts (b): db value bytes flipped",
        faults: &["etcd3 loses power", "values change in its database", "it boots"],
        detector: Some(SILENT_CORRUPTION),
        runbooks: &[
            "right: remove the one that differs from most, wipe it alone, add it again",
            "refuses: replace one of the two that agree",
            "refuses: --force-new-cluster, beside a quorum",
        ],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(&lab, setup).await?;
    data::write_words(&steady, "righteous", "etcd3").await?;
    let broken = data::damaged(steady, &["etcd3"], What::DatabaseWord("righteous", "felonious")).await?;
    let broken = broken.detect(SILENT_CORRUPTION, Duration::from_secs(20)).await?;
    members::all_say_healthy(&broken).await?;
    let broken = broken.stays_broken(Duration::from_secs(10)).await?;
    broken.must_refuse(&ReplaceMember { setup, node: "etcd1" }).await?;
    let broken = broken.refuses(&RebuildFromSurvivor { setup, from: None }).await?;
    recipe::healed_by(&ReplaceMember { setup, node: "etcd3" }, broken, Duration::from_secs(60)).await
}
