//! nsync cannot reach the BBSes.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::Partition,
    scenario,
    stage::{Lab, System},
    wait::Look,
};

use super::super::{BBSES, CC, Setup, detectors::APPS_MISSING, recipe, runbooks::RestartBbs};

scenario! {
    Scenario {
        id: "diego::apps_not_desired",
        story: "The Cloud Controller takes applications and cannot reach the BBSes. Each part by itself is healthy, and \
                what is pushed is not run: the state of the world cannot be reconciled. Once nsync reaches a BBS its \
                next pass desires them all; to restart the BBSes is of no use.",
        source: "report 003: they cannot reconcile the state of the world with the Cloud Controller; measured facts, \
                 what Diego did: nsync",
        faults: &["the Cloud Controller is partitioned from both BBSes"],
        detector: Some(APPS_MISSING),
        runbooks: &["right: none, once nsync reaches a BBS", "useless: restart the BBSes"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(Partition::between(&[CC], &BBSES)).await?;
    let broken = broken.detect(APPS_MISSING, Duration::from_secs(40)).await?;
    // The newest ones may always wait for nsync: only more than these are unhealthy.
    let unhealthy = || async {
        match broken.system().healthy().await {
            Look::NotYet(_) => Look::Ready(()),
            _ => Look::NotYet("they may be on their way".into()),
        }
    };
    broken
        .wait_for("more applications to be missing than may be on their way", Duration::from_secs(40), unhealthy)
        .await?;
    let broken = broken.does_not_help(&RestartBbs, Duration::from_secs(15)).await?;
    recipe::comes_back(broken, Duration::from_secs(60)).await
}
