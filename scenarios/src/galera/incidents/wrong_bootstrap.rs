//! The measured trap: the node that is behind is bootstrapped, and afterwards all
//! looks well.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    scenario,
    stage::{Lab, System},
    wait,
};

use super::super::{
    detectors::{MINORITY_PARTITION, NON_PRIMARY_WEDGE},
    recipe::{self, FINGERPRINTS, UNSEEN},
    runbooks::{BootstrapNode, JoinRest},
};

scenario! {
    Scenario {
        id: "galera::wrong_bootstrap",
        story: "The wedged cluster is bootstrapped from n1, which is behind. Clients write to it, so that its position \
                passes the others'; then they join by IST and never notice that the numbers stand for other writes. \
                All three say Primary 3 and Synced, and hold different rows; what the majority had acknowledged is \
                missing on n1. Only a comparison of contents, node with node, finds it.",
        source: "measured facts, negative tests; mariadb-operator#1477, #1701",
        faults: &["the report's wedge", "wrong runbook, forced: bootstrap n1, then start the others"],
        detector: Some(NON_PRIMARY_WEDGE),
        also: &[MINORITY_PARTITION],
        runbooks: &["refuses: bootstrap n1", "harmful when forced: bootstrap n1"],
        fingerprints: FINGERPRINTS,
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let wedged = recipe::full_disk_wedge(&lab).await?;
    let stage = recipe::detected(wedged).await?;
    let unseen = stage.ledger().acknowledged_by(|entry| entry.node != "n1");
    stage.must_refuse(&BootstrapNode { node: "n1", force: false }).await?;
    stage.force(&BootstrapNode { node: "n1", force: true }).await?;
    // More writes than n1 had missed, so that the others find themselves behind it.
    stage.writes(unseen + UNSEEN, Duration::from_secs(60)).await?;
    stage.force(&JoinRest).await?;
    let healthy = wait::until("the status to look healthy", Duration::from_secs(30), || stage.system().healthy());
    healthy.await.map_err(|error| Error::inconclusive(format!("the trap did not close: {error}")))?;
    let found = stage.harmed().await?;
    if found.lost.is_empty() || found.divergent.is_empty() {
        return Err(Error::failed(format!("a laggard was bootstrapped, and the judge sees only: {found}")));
    }
    Ok(())
}
