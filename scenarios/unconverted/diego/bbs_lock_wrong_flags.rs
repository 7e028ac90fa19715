//! The BBS's key is there, and is no lock's.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

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
        id: "diego::bbs_lock_wrong_flags",
        story: "The BBS's key was written as a plain one, without the flags of a lock, and no session holds it. Consul's \
                client refuses to touch it: the BBS that led exits, both try again and again, and neither will ever \
                have it. With the key deleted one leads again.",
        source: "report 003: distributed key lockout; measured facts (f): a key with wrong flags: never",
        faults: &["the BBS's key is written as a plain one"],
        detector: Some(LOCK_STUCK),
        runbooks: &["right: delete the key", "useless: restart the BBSes"],
        fingerprints: &PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: [Fingerprint; 3] = [
    LOST_LOCK,
    NOBODY_LISTENS,
    Fingerprint {
        id: "no lock's key",
        report: "Existing key does not match lock use",
        shows: |seen| logged(seen, &["Existing key does not match lock use"]),
    },
];

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(LockTaken::AsPlainKey).await?;
    let broken = broken.fingerprints(&PRINTS, Duration::from_secs(10)).await?;
    let broken = broken.detect(LOCK_STUCK, Duration::from_secs(30)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.does_not_help(&RestartBbs, Duration::from_secs(15)).await?;
    recipe::healed_by(&FreeLock, broken, Duration::from_secs(60)).await
}
