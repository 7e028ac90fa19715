//! Two of etcd's three machines stand still.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Pause, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::QUORUM_LOST,
    recipe,
    runbooks::{ReplaceMember, RestartVms, WipeAll},
    stories::quorum,
};

scenario! {
    Scenario {
        id: "diego::etcd_quorum_lost_by_pause",
        story: "Two of etcd's three machines stand still, as while they are moved to another host: their kernels take \
                connections, and nobody answers. The third one can be read and takes no write; the BBS answers pings, \
                and each of its lists fails. When the two go on so does etcd, and nothing is lost.",
        source: "report 003; measured facts (a): pause of two",
        faults: &["etcd2 is paused", "etcd3 is paused"],
        detector: Some(QUORUM_LOST),
        runbooks: &[
            "right: none; have the machines go on",
            "refuses: remove and add the survivor, without a quorum",
            "refuses: restart the VMs of Consul, etcd and the BBS, while the survivor can be read",
            "refuses: wipe every member, while the survivor can be read",
        ],
        fingerprints: quorum::PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(&lab, setup).await?;
    let broken = steady.inject(Pause { node: "etcd2".into() }).await?;
    let broken = broken.inject(Pause { node: "etcd3".into() }).await?;
    let broken = quorum::shown(broken, &["etcd1"], quorum::PRINTS).await?;
    let broken = broken.refuses(&ReplaceMember { setup, node: "etcd1" }).await?;
    let broken = broken.refuses(&RestartVms { setup, forced: false }).await?;
    let broken = broken.refuses(&WipeAll { setup, forced: false }).await?;
    recipe::comes_back(broken, Duration::from_secs(60)).await
}
