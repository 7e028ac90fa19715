//! The report's first step, where it is right: every etcd hangs, and none can be read.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{Kill, Signal},
    scenario,
    stage::{Fingerprint, Lab},
};

use super::super::{
    ETCDS, Setup,
    detectors::{CONSUL_QUORUM_LOST, QUORUM_LOST},
    recipe,
    runbooks::RestartVms,
    stories::quorum,
};

scenario! {
    Scenario {
        id: "diego::etcd_step_one_heals",
        story: "Every etcd hangs: its process is there, its port takes connections, and nobody answers; to their \
                supervisors they run. The BBS answers pings, and each of its lists fails. The report's first step is \
                right here: no member can be read anyway, and their data are on their disks.",
        source: "report 003, step 1",
        faults: &["etcd on etcd1, etcd2 and etcd3 is stopped by SIGSTOP"],
        detector: Some(QUORUM_LOST),
        // Consul's servers restart all at once, and have no leader for seconds.
        also: &[CONSUL_QUORUM_LOST],
        runbooks: &["right: restart the VMs of Consul, etcd and the BBS, in that order"],
        fingerprints: PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: &[Fingerprint] = &[quorum::PING_LIES];

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let hangs = |node: &str| Kill { node: node.into(), process: "etcd --name".into(), signal: Signal::Stop };
    let [first, second, third] = ETCDS.map(hangs);
    let steady = recipe::steady(&lab, setup).await?;
    let broken = steady.inject(first).await?.inject(second).await?.inject(third).await?;
    let limit = Duration::from_secs(20);
    let broken = broken.fingerprints(PRINTS, limit).await?.detect(QUORUM_LOST, limit).await?;
    let broken = broken.stays_broken(Duration::from_secs(10)).await?;
    recipe::healed_by(&RestartVms { setup, forced: false }, broken, Duration::from_secs(120)).await
}
