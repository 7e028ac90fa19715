//! etcd reaches its quota.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::NOSPACE,
    faults::SpaceUsedUp,
    recipe,
    runbooks::{FreeSpace, RestartMembers},
    stories::quorum,
};

scenario! {
    Scenario {
        id: "diego::etcd_nospace",
        story: "Some client of etcd's version 3 API rewrites a large key, and nobody compacts: the old revisions reach \
                the quota. Each write of version 3 is refused from there on, and /health is false. Diego's own keys \
                are of version 2, which has no quota: tasks and applications go on. The alarm outlives restarts; \
                compact, defragment and disarm end it.",
        source: "measured facts: Met today, NOSPACE",
        faults: &["a version 3 key of 400 kB is rewritten until it is refused"],
        detector: Some(NOSPACE),
        runbooks: &[
            "right: compact, defragment each member, disarm the alarm",
            "useless: restart the members, one after another",
        ],
        fingerprints: PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// With as little room as the facts were measured with.
const SETUP: Setup = Setup { flags: "--quota-backend-bytes=4194304", ..Setup::PLAIN };

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "alarm-nospace",
        report: "ALARM NOSPACE",
        shows: |seen| logged(seen, &["alarm NOSPACE raised by peer"]),
    },
    Fingerprint { id: "health-false", report: "503 of /health", shows: |seen| quorum::is_unhealthy(seen) },
];

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, SETUP).await?;
    let broken = steady.inject(SpaceUsedUp { setup: SETUP, by: "etcd1" }).await?;
    quorum::health(&broken, "etcd1").await?;
    let broken = broken.fingerprints(PRINTS, Duration::from_secs(10)).await?;
    let broken = broken.detect(NOSPACE, Duration::from_secs(15)).await?;
    // Version 2 has no quota.
    broken.writes(10, Duration::from_secs(20)).await?;
    let broken = broken.stays_broken(Duration::from_secs(10)).await?;
    let broken = broken.does_not_help(&RestartMembers { setup: SETUP }, Duration::from_secs(5)).await?;
    recipe::healed_by(&FreeSpace { setup: SETUP }, broken, Duration::from_secs(60)).await
}
