//! The BBSes cannot reach etcd, which is well.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Partition, scenario, stage::Lab};

use super::super::{
    BBSES, ETCDS, Setup, detectors::BBS_CUT_OFF, recipe, runbooks::RestartBbs, stories::consul::PING_LIES,
};

scenario! {
    Scenario {
        id: "diego::bbs_cut_off_from_etcd",
        story: "A switch drops what the BBSes and etcd send each other. etcd is well and nobody is told: the BBS keeps \
                its lock and answers pings, and each of its lists fails. Once they reach each other it serves again by \
                itself; to restart it meanwhile only takes the pings away.",
        source: "measured facts, end to end: ping 200, every list fails",
        faults: &["both BBSes are partitioned from etcd's members"],
        detector: Some(BBS_CUT_OFF),
        runbooks: &[
            "right: none, once they reach each other",
            "useless: restart the BBSes",
        ],
        fingerprints: &[PING_LIES],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(Partition::between(&BBSES, &ETCDS)).await?;
    let broken = broken.fingerprints(&[PING_LIES], Duration::from_secs(20)).await?;
    let broken = broken.detect(BBS_CUT_OFF, Duration::from_secs(40)).await?;
    let broken = broken.does_not_help(&RestartBbs, Duration::from_secs(10)).await?;
    recipe::comes_back(broken, Duration::from_secs(60)).await
}
