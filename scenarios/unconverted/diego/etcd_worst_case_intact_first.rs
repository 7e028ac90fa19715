//! The same damage as in the worst case, and the whole one of three starts first.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    detectors::QUORUM_LOST,
    recipe,
    runbooks::{RebuildFromSurvivor, ReplaceMember},
    stories::data,
};

scenario! {
    Scenario {
        id: "diego::etcd_worst_case_intact_first",
        story: "All etcd machines lose their power, and two of their logs come back cut in half. Whoever operates them \
                knows which disks were repaired: the third machine is switched on first, made a cluster of its own, \
                and the two are added to it, empty. Nothing is lost.",
        source: "report 003; measured facts (b): worst case, its other outcome",
        faults: &["all of etcd's machines lose power", "the logs of etcd1 and etcd2 are cut in half"],
        detector: Some(QUORUM_LOST),
        runbooks: &[
            "right: make a cluster of the one whose disk was not touched, add the others to it, empty",
            "refuses: the same of nobody in particular, while machines are off",
            "refuses: replace one, without a quorum",
        ],
        images: &["diego", "postgres"],
        budget: Duration::from_secs(300),
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = data::LONG_LOG;
    let broken = data::two_logs_cut_in_half(&lab).await?.detect(QUORUM_LOST, Duration::from_secs(15)).await?;
    broken.must_refuse(&RebuildFromSurvivor { setup, from: None }).await?;
    let broken = broken.refuses(&ReplaceMember { setup, node: "etcd1" }).await?;
    let right = RebuildFromSurvivor { setup, from: Some("etcd3") };
    recipe::healed_by(&right, broken, Duration::from_secs(120)).await
}
