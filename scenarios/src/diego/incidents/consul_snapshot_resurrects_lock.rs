//! Consul's snapshot brings back a lock that was freed since.

use reenact::{fingerprint::Fingerprint, incident::*};

use super::super::{
    Diego, Setup,
    detectors::LOCK_STUCK,
    faults::{LockTaken, Taker},
    report::consul::{LOST_LOCK, NOBODY_LISTENS, session_returns},
    runbooks::{FreeLock, RestartBbs},
};

const RESURRECTED: Fingerprint = Fingerprint {
    id: "session resurrected",
    report: "a Consul snapshot resurrects the dead session and lock",
    shows: session_returns,
};

const SNAPSHOT: &str = "/var/vcap/store/backup.snap";

reenact::incident!(
    Diego,
    Incident {
        id: "diego::consul_snapshot_resurrects_lock",
        story: "A snapshot of Consul was taken while the BBS's lock was held by a session that never ends. The lock \
                was freed, and a BBS leads. Then Consul is restored from the snapshot: the dead session is back with \
                its lock, the BBS that led exits, and none leads, until the session is destroyed once more.",
        source: "report 003, step 5; measured facts: a Consul snapshot resurrects the dead session and lock",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![
                inject(LockTaken { by: Taker::ImmortalSession }),
                detected(LOCK_STUCK, secs(30)),
                command("consul1", &["consul", "snapshot", "save", SNAPSHOT]),
                done(FreeLock),
                falls_silent(secs(15)),
                command("consul1", &["consul", "snapshot", "restore", SNAPSHOT]),
                effect_begins(),
            ],
            fingerprints: seen(&[LOST_LOCK, NOBODY_LISTENS, RESURRECTED], secs(20)),
            detected: by(LOCK_STUCK, secs(30)),
            control: stays_broken(secs(20)),
            wrong: tried([useless(RestartBbs, secs(15))]),
            ends: healed_by(FreeLock, secs(60)),
        }],
    }
);
