//! Consul's servers are made anew at other addresses, and look for each other at the old.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    CONSULS, Setup,
    detectors::{CONSUL_OLD_PEERS, CONSUL_QUORUM_LOST},
    faults::Readdressed,
    recipe,
    runbooks::{BringServersBack, WritePeersJson},
    stories::consul::{NO_LEADER, NOBODY_LISTENS},
};

scenario! {
    Scenario {
        id: "diego::consul_old_peers",
        story: "Consul's machines are made anew with their disks, and get other addresses. With the raft protocol of \
                2016 a peer is its address: each server runs, meets the others by gossip, and looks for their votes \
                where nobody is. There is no leader and no BBS leads, until peers.json says where they are.",
        source: "measured facts (e): new addresses for all, with raft protocol 2",
        faults: &["all of Consul's servers get new addresses and keep their disks"],
        detector: Some(CONSUL_OLD_PEERS),
        // While the machines are made anew no server is there.
        also: &[CONSUL_QUORUM_LOST],
        runbooks: &[
            "right: stop all servers, write raft/peers.json everywhere, start them",
            "refuses: switch machines on, as all are",
        ],
        fingerprints: &PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: [Fingerprint; 3] = [
    NO_LEADER,
    Fingerprint {
        id: "no route to host",
        report: "no leader, no route to host",
        shows: |seen| logged(seen, &["agent.server.raft", "no route to host"]),
    },
    NOBODY_LISTENS,
];

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup { raft_protocol: 2, ..Setup::PLAIN }).await?;
    let broken = steady.inject(Readdressed(&CONSULS)).await?;
    let broken = broken.fingerprints(&PRINTS, Duration::from_secs(40)).await?;
    let broken = broken.detect(CONSUL_OLD_PEERS, Duration::from_secs(50)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.refuses(&BringServersBack).await?;
    recipe::healed_by(&WritePeersJson, broken, Duration::from_secs(90)).await
}
