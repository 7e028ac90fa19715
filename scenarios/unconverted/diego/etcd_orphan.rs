//! An etcd runs that its supervisor does not know, and each start of another one fails.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab},
};

use super::super::{
    Setup,
    detectors::{ORPHAN, QUORUM_LOST},
    recipe,
    runbooks::{KillallEtcd, RebuildFromSurvivor, WipeThenKillall},
    stories::{members, orphan},
};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "port_taken",
    report: "each new start dies with `listen tcp 0.0.0.0:7001: bind: address already in use`",
    shows: |seen| {
        let words = ["listen tcp 0.0.0.0:7001: bind: address already in use"];
        seen.iter().filter(|line| line.node == orphan::ORPHANED && line.is_log_with(&words)).count() >= 2
    },
}];

scenario! {
    Scenario {
        id: "diego::etcd_orphan",
        story: "etcd is killed on one machine while its peers are down. Started again it waits for them, and monit \
                kills its start script after ten seconds, and the script alone: nobody has written down its pid. The \
                peers come back and it serves. From now on monit starts another one every few seconds, which dies as \
                the port is taken, for ever, while /health says that all is well.",
        source: "report 003, step 4; measured facts (d): orphan",
        faults: &["etcd2 and etcd3 lose power", "etcd is killed on etcd1, and monit starts it", "etcd2 and etcd3 boot"],
        detector: Some(ORPHAN),
        // While the peers are down nobody has a leader.
        also: &[QUORUM_LOST],
        runbooks: &[
            "right: killall etcd, and have monit start it",
            "refuses: wipe first",
            "refuses: --force-new-cluster, beside a quorum",
        ],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let broken = orphan::orphaned(&lab, setup).await?;
    let broken = broken.fingerprints(FINGERPRINTS, Duration::from_secs(40)).await?;
    let broken = broken.detect(ORPHAN, Duration::from_secs(60)).await?;
    members::all_say_healthy(&broken).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    broken.must_refuse(&WipeThenKillall { node: orphan::ORPHANED, forced: false }).await?;
    let broken = broken.refuses(&RebuildFromSurvivor { setup, from: None }).await?;
    recipe::healed_by(&KillallEtcd { setup }, broken, Duration::from_secs(60)).await
}
