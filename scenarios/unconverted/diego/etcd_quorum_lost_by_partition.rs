//! No member of etcd sees another.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::Partition,
    scenario,
    stage::{Fingerprint, Lab},
};

use super::super::{
    ETCDS, Setup,
    detectors::QUORUM_LOST,
    recipe,
    runbooks::{RestartVms, WipeAll},
    stories::quorum,
};

scenario! {
    Scenario {
        id: "diego::etcd_quorum_lost_by_partition",
        story: "A switch fails, and no member of etcd sees another. Each of them calls itself the leader in \
                /v2/stats/self, answers reads from its own copy and takes no write; the BBS still answers pings, and \
                each of its lists fails. When the network is back so is etcd, and nothing is lost.",
        source: "report 003; measured facts (a): full partition",
        faults: &["etcd1, etcd2 and etcd3 are cut off from each other"],
        detector: Some(QUORUM_LOST),
        runbooks: &[
            "right: none; mend the network",
            "refuses: restart the VMs of Consul, etcd and the BBS, while members can be read",
            "refuses: wipe every member, while they can be read",
        ],
        fingerprints: PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: &[Fingerprint] = &quorum::with(quorum::ALL_LEAD);

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(Partition::shatter(&ETCDS)).await?;
    let broken = quorum::shown(broken, &ETCDS, PRINTS).await?;
    let broken = broken.refuses(&RestartVms { setup: Setup::PLAIN, forced: false }).await?;
    let broken = broken.refuses(&WipeAll { setup: Setup::PLAIN, forced: false }).await?;
    recipe::comes_back(broken, Duration::from_secs(60)).await
}
