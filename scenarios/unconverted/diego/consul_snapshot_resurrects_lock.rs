//! Consul's snapshot brings back a lock that was freed since.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{CONSULS, Setup, detectors::LOCK_STUCK, faults::LockTaken, recipe, runbooks::FreeLock};

scenario! {
    Scenario {
        id: "diego::consul_snapshot_resurrects_lock",
        story: "A snapshot of Consul was taken while the BBS's lock was held by a session that never ends. The lock \
                was freed, and a BBS leads. Then Consul is restored from the snapshot: the dead session is back with \
                its lock, the BBS that led exits, and none leads, until the session is destroyed once more.",
        source: "report 003, step 5; measured facts: a Consul snapshot resurrects the dead session and lock",
        faults: &["the BBS's key goes to a session that never ends", "consul snapshot save", "consul snapshot restore"],
        detector: Some(LOCK_STUCK),
        runbooks: &["right: destroy the session", "harmful: restore Consul's snapshot"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const SNAPSHOT: &str = "/var/vcap/store/backup.snap";

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(LockTaken::ByImmortalSession).await?;
    let broken = broken.detect(LOCK_STUCK, Duration::from_secs(30)).await?;
    broken.operator().must(CONSULS[0], &["consul", "snapshot", "save", SNAPSHOT]).await?;
    broken.force(&FreeLock).await?;
    let mut broken = broken.falls_silent(Duration::from_secs(15)).await?;
    broken.operator().must(CONSULS[0], &["consul", "snapshot", "restore", SNAPSHOT]).await?;
    broken.effect_begins();
    let broken = broken.then_detects(LOCK_STUCK, Duration::from_secs(30)).await?;
    recipe::healed_by(&FreeLock, broken, Duration::from_secs(60)).await
}
