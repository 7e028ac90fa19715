//! Two of etcd's three machines lose power.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, detectors::QUORUM_LOST, stories::quorum};

scenario! {
    Scenario {
        id: "diego::etcd_quorum_lost_by_kill",
        story: "Two of etcd's three machines lose power. The third one answers reads from its own copy and takes no \
                write; the BBS still answers pings, and each of its lists fails. Switched on again the two find their \
                data, and nothing is lost.",
        source: "report 003; measured facts (a): quorum loss",
        faults: &["etcd2 and etcd3 lose power"],
        detector: Some(QUORUM_LOST),
        runbooks: quorum::BY_KILL_RUNBOOKS,
        fingerprints: quorum::PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    quorum::lost_by_kill(&lab, Setup::PLAIN).await
}
