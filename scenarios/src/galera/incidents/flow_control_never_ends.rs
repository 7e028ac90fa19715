//! Every write hangs, and every status is fine.

use reenact::incident::*;

use super::super::{
    Galera, Machines,
    detectors::WRITES_STALLED,
    faults::ReadLockHeld,
    report,
    runbooks::{EndReadLock, RestartOne},
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::flow_control_never_ends",
        story: "A backup on n3 takes a read lock on everything, and its client forgets it. n3 applies nothing more, and \
                makes the others wait for it: each write on n1 and n2 hangs in `Waiting for certification`. All three \
                answer, are Primary and count three; a check that reads finds nothing. To restart a node on which \
                writes hang changes nothing.",
        source: "galera#510, #164; bitnami/charts#22091. There the applier stood still for other reasons, such as a \
                 frozen file system; the lock is ours",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![act(ReadLockHeld { node: "n3".into() })],
            fingerprints: seen(report::HELD_UP, secs(20)),
            detected: by(WRITES_STALLED, secs(20)),
            control: stays_broken(secs(20)),
            wrong: tried([useless(RestartOne("n1"), secs(15))]),
            ends: healed_by(EndReadLock, secs(60)),
        }],
    }
);
