//! Recovery without SIGKILL: a node that counts as a member and answers nobody.
//!
//! The blocked SIGTERM is delivered when the server, become primary, starts its signal
//! thread. From then on each thread that starts ends at once, and the starting thread
//! hangs if one was gone before it looked (a debugger shows it in `init_slave`, waiting
//! for the slave's background thread). That is a race in MariaDB: lost, the server
//! shuts down in good order. On one CPU, with threads that are not pushed aside by
//! those they wake, it comes out the same each time.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Machines,
    detectors::{MINORITY_PARTITION, NON_PRIMARY_WEDGE, ZOMBIE_NODE},
    recipe::{self, FINGERPRINTS},
    runbooks::{BootstrapMostAdvanced, StopWithoutKill},
};

scenario! {
    Scenario {
        id: "galera::zombie_after_sigterm",
        story: "A wedged node is asked to stop. It blocks SIGTERM, the drain runs into its timeout, and the operator \
                ends the next node for certain. The other two find themselves: the first one logs Synced, counts as a \
                member and listens on 3306, but completes no handshake. A check of the port, or of cluster_size on \
                another node, passes.",
        source: "report 001 (the drain's timeout); measured facts, negative tests",
        faults: &["the wedge by a missed view", "wrong runbook: SIGTERM to n2, which does not stop, then SIGKILL to n1"],
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
    let wedged = recipe::missed_view_wedge(&lab, Machines::SingleCpu).await?;
    let mut stage = recipe::detected(wedged).await?;
    stage.force(&StopWithoutKill { asked: "n2", odd: "n1" }).await?;
    stage.effect_begins();
    let broken = stage.then_detects(ZOMBIE_NODE, Duration::from_secs(30)).await?;
    recipe::healed_by(&BootstrapMostAdvanced, broken, Duration::from_secs(90)).await
}
