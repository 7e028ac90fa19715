//! The BBS's lock is held by a session that never ends, whose maker is gone.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::LOCK_STUCK,
    faults::LockTaken,
    recipe,
    runbooks::{FreeLock, RestartBbs},
    stories::consul::{LOST_LOCK, NOBODY_LISTENS},
};

scenario! {
    Scenario {
        id: "diego::bbs_lock_session_without_ttl",
        story: "The BBS's key is held by a session without a time to live and without checks, and its maker is gone. \
                The BBS that led exits, both wait for the lock, and neither will ever have it: etcd and Consul are \
                healthy. With the session destroyed one leads again.",
        source: "report 003: distributed key lockout; measured facts (f): a session without TTL or checks: never",
        faults: &["the BBS's key goes to a session that never ends"],
        detector: Some(LOCK_STUCK),
        runbooks: &["right: destroy the session", "useless: restart the BBSes"],
        fingerprints: &[LOST_LOCK, NOBODY_LISTENS],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(LockTaken::ByImmortalSession).await?;
    let broken = broken.fingerprints(&[LOST_LOCK, NOBODY_LISTENS], Duration::from_secs(10)).await?;
    let broken = broken.detect(LOCK_STUCK, Duration::from_secs(30)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.does_not_help(&RestartBbs, Duration::from_secs(15)).await?;
    recipe::healed_by(&FreeLock, broken, Duration::from_secs(60)).await
}
