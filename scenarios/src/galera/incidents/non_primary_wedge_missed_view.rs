//! The wedge by the shorter way: n1 misses the view {n2, n3} and comes back before
//! one of its members.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Machines,
    detectors::{MINORITY_PARTITION, NON_PRIMARY_WEDGE},
    recipe::{self, FINGERPRINTS},
    runbooks::{BootstrapMostAdvanced, BootstrapNode, RestartAll},
};

scenario! {
    Scenario {
        id: "galera::non_primary_wedge_missed_view",
        story: "n1 is cut off and misses the view that n2 and n3 install; then all lose power, and n1 comes back \
                before n2. n1 restored the view of three, the others the one of two: together they are more than \
                that view and less than agreed, so no component becomes primary.",
        source: "report 001; recipe R1 of the measured facts",
        faults: &[
            "n1 is isolated; n2 and n3 install a view of two and acknowledge writes",
            "all three lose power; the network heals; n1 and n3 boot, then n2",
        ],
        detector: Some(NON_PRIMARY_WEDGE),
        also: &[MINORITY_PARTITION],
        runbooks: &[
            "right: SIGKILL all, bootstrap the most advanced position, join the others",
            "refuses: bootstrap n1, which is behind",
            "no help: restart all with n1 first",
        ],
        fingerprints: FINGERPRINTS,
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let wedged = recipe::missed_view_wedge(&lab, Machines::Ordinary).await?;
    let broken = recipe::detected(wedged)
        .await?
        .stays_broken(Duration::from_secs(30))
        .await?
        .refuses(&BootstrapNode { node: "n1", force: false })
        .await?
        .does_not_help(&RestartAll(["n1", "n3", "n2"]), Duration::from_secs(20))
        .await?;
    recipe::healed_by(&BootstrapMostAdvanced, broken, Duration::from_secs(60)).await
}
