//! Two of etcd's three machines lose power, with etcd 3.5.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, detectors::QUORUM_LOST, etcd::Version, stories::quorum};

scenario! {
    Scenario {
        id: "diego::etcd_quorum_lost_by_kill_3_5",
        story: "Two of etcd's three machines lose power, as in etcd_quorum_lost_by_kill, and etcd is the \
                newest. What is told of 3.4 is true of it too.",
        source: "report 003; measured facts (a): quorum loss; Binaries: etcd 3.5 with the v2 API",
        faults: &["etcd2 and etcd3 lose power"],
        detector: Some(QUORUM_LOST),
        runbooks: quorum::BY_KILL_RUNBOOKS,
        fingerprints: quorum::PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const SETUP: Setup = Setup { etcd: Version::V3_5, ..Setup::PLAIN };

async fn run(lab: Lab) -> Result<()> {
    quorum::lost_by_kill(&lab, SETUP).await
}
