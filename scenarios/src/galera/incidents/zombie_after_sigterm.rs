//! Recovery without SIGKILL: a node that counts as a member and answers nobody.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    detectors::{MINORITY_PARTITION, NON_PRIMARY_WEDGE, ZOMBIE_NODE},
    recipe::{self, FINGERPRINTS},
    runbooks::{BootstrapMostAdvanced, PowerCycleWithoutKill},
};

scenario! {
    Scenario {
        id: "galera::zombie_after_sigterm",
        story: "A wedged node is asked to stop. It blocks SIGTERM, the drain runs into its timeout, and the operator \
                goes on with the next node, after which the cluster finds itself. The first node joins as well, logs \
                Synced, counts as a member and listens on 3306, but completes no handshake: it is still shutting \
                down. A check of the port, or of cluster_size on another node, passes.",
        source: "report 001 (the drain's timeout); measured facts, negative tests",
        faults: &["the wedge by a missed view", "wrong runbook: SIGTERM to n2, which does not stop, then n1 restarted"],
        detector: Some(ZOMBIE_NODE),
        also: &[MINORITY_PARTITION, NON_PRIMARY_WEDGE],
        runbooks: &["right: SIGKILL the zombie and start it again", "harmful: SIGTERM and go on"],
        fingerprints: FINGERPRINTS,
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::missed_view_wedge(&lab)
        .await?
        .fingerprints(FINGERPRINTS, Duration::from_secs(20))
        .await?
        .detect(NON_PRIMARY_WEDGE, Duration::from_secs(15))
        .await?;
    stage.force(&PowerCycleWithoutKill { asked: "n2", odd: "n1" }).await?;
    stage.effect_begins();
    stage
        .then_detects(ZOMBIE_NODE, Duration::from_secs(30))
        .await?
        .recover(&BootstrapMostAdvanced, Duration::from_secs(90))
        .await?
        .stays_healthy(Duration::from_secs(3))
        .await?
        .again(&BootstrapMostAdvanced)
        .await?
        .finish()
        .await
}
