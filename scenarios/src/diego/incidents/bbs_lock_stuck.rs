//! The BBS's lock is held for nobody, and ends in no way by itself.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::LOCK_STUCK,
    faults::{LockTaken, Taker},
    report::consul::{LOST_LOCK, NOBODY_LISTENS},
    runbooks::{FreeLock, RestartBbs},
};

/// A way in which the lock is held for nobody.
struct Stuck {
    id: &'static str,
    story: &'static str,
    source: &'static str,
    by: Taker,
    marks: &'static [Fingerprint],
}

const STUCK: [Stuck; 2] = [
    Stuck {
        id: "diego::bbs_lock_session_without_ttl",
        story: "The BBS's key is held by a session without a time to live and without checks, and its maker is gone. \
                The BBS that led exits, both wait for the lock, and neither will ever have it: etcd and Consul are \
                healthy. Once the session is destroyed, a BBS leads again.",
        source: "report 003: distributed key lockout; measured facts (f): a session without TTL or checks: never",
        by: Taker::ImmortalSession,
        marks: &[LOST_LOCK, NOBODY_LISTENS],
    },
    Stuck {
        id: "diego::bbs_lock_wrong_flags",
        story: "The BBS's key was written as a plain one, without the flags of a lock, and no session holds it. \
                Consul's client refuses to touch it: the BBS that led exits, both try again and again, and neither \
                will ever have it. Once the key is deleted, a BBS leads again.",
        source: "report 003: distributed key lockout; measured facts (f): a key with wrong flags: never",
        by: Taker::PlainKey,
        marks: &[LOST_LOCK, NOBODY_LISTENS, NO_LOCK_S_KEY],
    },
];

const NO_LOCK_S_KEY: Fingerprint = Fingerprint {
    id: "no lock's key",
    report: "Existing key does not match lock use",
    shows: |seen| logged(seen, &["Existing key does not match lock use"]),
};

reenact::incidents!(Diego, STUCK.map(incident));

fn incident(stuck: Stuck) -> Incident<Diego> {
    Incident {
        id: stuck.id,
        story: stuck.story,
        source: stuck.source,
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(LockTaken { by: stuck.by })],
            fingerprints: seen(stuck.marks, secs(10)),
            detected: by(LOCK_STUCK, secs(30)),
            control: stays_broken(secs(20)),
            wrong: tried([useless(RestartBbs, secs(15))]),
            ends: healed_by(FreeLock, secs(60)),
        }],
    }
}
