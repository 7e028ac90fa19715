//! Somebody bootstraps the isolated minority: two primary components.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, fault::Partition, scenario, stage::Lab};

use super::super::{
    detectors::{MINORITY_PARTITION, TWO_PRIMARIES},
    recipe,
    runbooks::{BootstrapMostAdvanced, PcBootstrap},
};

scenario! {
    Scenario {
        id: "galera::two_primaries",
        story: "n1 is cut off, and somebody sets pc.bootstrap on it. Both sides take writes, with the same cluster id \
                and even the same view number; after the network heals they stay apart, with no error logged.",
        source: "measured facts, negative tests: pc.bootstrap on an isolated minority; cubecos#1328",
        faults: &["n1 is isolated from n2 and n3", "wrong runbook, forced: pc.bootstrap on n1"],
        detector: Some(TWO_PRIMARIES),
        also: &[MINORITY_PARTITION],
        runbooks: &["harmful: pc.bootstrap on a minority", "refuses: bootstrap the most advanced node"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab)
        .await?
        .inject(Partition::isolate("n1", &["n2", "n3"]))
        .await?
        .detect(MINORITY_PARTITION, Duration::from_secs(20))
        .await?;
    stage.force(&PcBootstrap { node: "n1", force: true }).await?;
    stage.effect_begins();
    let stage = stage.then_detects(TWO_PRIMARIES, Duration::from_secs(15)).await?.heal().await?;
    // Both sides take writes: without them the split could not be seen in the rows.
    for node in ["n1", "n2"] {
        let before = stage.ledger().acknowledged_by(|entry| entry.node == node);
        let grow = || async {
            match stage.ledger().acknowledged_by(|entry| entry.node == node) {
                now if now > before => reenact::wait::Look::Ready(()),
                _ => reenact::wait::Look::NotYet(format!("{node} acknowledges nothing")),
            }
        };
        stage.wait_for(&format!("{node} to acknowledge a write"), Duration::from_secs(20), grow).await?;
    }
    stage.must_refuse(&BootstrapMostAdvanced).await?;
    let found = stage.harmed().await?;
    if found.lost.is_empty() || found.divergent.is_empty() {
        return Err(Error::failed(format!("two clusters took writes, and the judge sees only: {found}")));
    }
    Ok(())
}
