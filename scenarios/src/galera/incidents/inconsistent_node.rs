//! A full disk on one node: it cannot apply what the others commit, and is voted
//! out.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::DiskFull, scenario, stage::Lab};

use super::super::{detectors::INCONSISTENT_NODE, recipe, runbooks::BootstrapMostAdvanced};

scenario! {
    Scenario {
        id: "galera::inconsistent_node",
        story: "n3's disk runs full under writes. It fails to apply one, the others outvote it, and it leaves the \
                group: its server lives, 3306 is open, its state is Disconnected and Inconsistent. Room on the disk \
                does not bring it back; it needs a restart and a copy of the data.",
        source: "measured facts, other faults: disk full",
        faults: &["n3's disk is full under writes"],
        detector: Some(INCONSISTENT_NODE),
        runbooks: &["right: make room, SIGKILL n3 and start it again"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::steady(&lab)
        .await?
        .inject(DiskFull { node: "n3".into() })
        .await?
        .detect(INCONSISTENT_NODE, Duration::from_secs(60))
        .await?
        .heal()
        .await?
        .stays_broken(Duration::from_secs(20))
        .await?;
    recipe::healed_by(&BootstrapMostAdvanced, broken, Duration::from_secs(80)).await
}
