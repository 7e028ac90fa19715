//! etcd reaches its quota.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::NOSPACE,
    faults::SpaceUsedUp,
    report::HEALTH_FALSE,
    runbooks::{FreeSpace, RestartMembers},
    stories::quorum,
};

/// With as little room as the facts were measured with.
const SETUP: Setup = Setup { flags: "--quota-backend-bytes=4194304", ..Setup::PLAIN };

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "alarm-nospace",
        report: "ALARM NOSPACE",
        shows: |seen| logged(seen, &["alarm NOSPACE raised by peer"]),
    },
    HEALTH_FALSE,
];

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_nospace",
        story: "Some client of etcd's version 3 API rewrites a large key, and nobody compacts: the old revisions reach \
                the quota. From then on etcd refuses each write of version 3, and /health is false. Diego's own keys \
                are of version 2, which has no quota: tasks and applications go on. The alarm outlives restarts; \
                compact, defragment and disarm end it.",
        source: "measured facts: Met today, NOSPACE",
        setup: SETUP,
        acts: vec![Act {
            breaks: vec![inject(SpaceUsedUp { by: "etcd1".into() }), quorum::health("etcd1")],
            fingerprints: seen(PRINTS, secs(10)),
            // Version 2 has no quota.
            detected: by(NOSPACE, secs(15)).then([writes(10, secs(20))]),
            control: stays_broken(secs(10)),
            wrong: tried([useless(RestartMembers { setup: SETUP }, secs(5))]),
            ends: healed_by(FreeSpace { setup: SETUP }, secs(60)),
        }],
    }
);
