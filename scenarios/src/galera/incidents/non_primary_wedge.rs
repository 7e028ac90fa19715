//! The report: after an outage of the network all three nodes restart, find each
//! other, and stay NON-PRIMARY for ever; 3306 closed, 4567 open.
//!
//! Re-enacted in the report's exact triple of last views: n1 and n3 remember all
//! three, n2 remembers itself and n3, because n3's disk was full when that view
//! was installed.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    detectors::{MINORITY_PARTITION, NON_PRIMARY_WEDGE},
    recipe::{self, FINGERPRINTS},
    runbooks::{BootstrapMostAdvanced, BootstrapNode, RestartAll, RestartOne},
};

scenario! {
    Scenario {
        id: "galera::non_primary_wedge",
        story: "After an outage all three nodes restart, find each other, and stay non-primary for ever. 3306 is \
                closed, 4567 open, no timeout ends it; the stuck servers block SIGTERM. n1 and n3 restored the view \
                of all three, n2 the later one of {n2, n3} that n3 could not save on its full disk: no node sees \
                peers that agree with its own last primary view, so none may promote itself.",
        source: "report 001 (MariaDB 10.1.24, Galera 3.20); recipe R3 of the measured facts",
        faults: &[
            "n3's disk is full",
            "n1 is isolated; n2 and n3 install a view of two, which n3 cannot save",
            "n3's disk has room again; n2 and n3 acknowledge writes",
            "all three lose power; the network heals; n1 and n3 boot, then n2",
        ],
        detector: Some(NON_PRIMARY_WEDGE),
        also: &[MINORITY_PARTITION],
        runbooks: &[
            "right: SIGKILL all, bootstrap the most advanced position, join the others",
            "refuses: bootstrap n1, which is behind",
            "no help: restart n2 alone; restart all in any order",
        ],
        fingerprints: FINGERPRINTS,
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let wedged = recipe::full_disk_wedge(&lab).await?;
    let broken = recipe::detected(wedged)
        .await?
        .stays_broken(Duration::from_secs(30))
        .await?
        .refuses(&BootstrapNode { node: "n1", force: false })
        .await?
        .does_not_help(&RestartOne("n2"), Duration::from_secs(15))
        .await?
        .does_not_help(&RestartAll(["n2", "n3", "n1"]), Duration::from_secs(20))
        .await?;
    recipe::healed_by(&BootstrapMostAdvanced, broken, Duration::from_secs(60)).await
}
