//! Two of Consul's three machines lose power.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::PowerOff,
    scenario,
    stage::{Fingerprint, Lab},
};

use super::super::{
    Setup,
    detectors::CONSUL_QUORUM_LOST,
    recipe,
    runbooks::{BringServersBack, RestartServer, ScaleToOne, WritePeersJson},
    stories::consul::{LOST_LOCK, NO_CLUSTER_LEADER, NO_LEADER, NOBODY_LISTENS},
};

scenario! {
    Scenario {
        id: "diego::consul_quorum_lost",
        story: "Two of Consul's three machines lose power. The third one has no leader; the BBS cannot renew its \
                session, loses its lock and exits, and no BBS listens, though etcd is well. To restart the third \
                server or to scale Consul to one, as the report's recipe has it, is of no use; switched on again the \
                two bring the leader, and a BBS leads.",
        source: "report 003, steps 1 and 3; measured facts (e) and (f)",
        faults: &["consul2 and consul3 lose power"],
        detector: Some(CONSUL_QUORUM_LOST),
        runbooks: &[
            "right: switch the machines on, and touch no other",
            "refuses: write peers.json, while the two can come back",
            "useless: restart the survivor",
            "useless: scale to one, without a quorum",
        ],
        fingerprints: &PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: [Fingerprint; 4] = [NO_LEADER, NO_CLUSTER_LEADER, LOST_LOCK, NOBODY_LISTENS];

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(PowerOff::of(&["consul2", "consul3"])).await?;
    let broken = broken.fingerprints(&PRINTS, Duration::from_secs(40)).await?;
    let broken = broken.detect(CONSUL_QUORUM_LOST, Duration::from_secs(50)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.refuses(&WritePeersJson).await?;
    let broken = broken.does_not_help(&RestartServer { node: "consul1" }, Duration::from_secs(10)).await?;
    let broken = broken.does_not_help(&ScaleToOne, Duration::from_secs(10)).await?;
    recipe::healed_by(&BringServersBack, broken, Duration::from_secs(90)).await
}
