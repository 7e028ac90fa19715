//! nsync cannot reach the BBSes.

use reenact::{
    fault::Partition,
    fingerprint::{Fingerprint, logged},
    incident::*,
    poll::Look,
};

use super::super::{BBSES, CC, Diego, Setup, detectors::APPS_MISSING, runbooks::RestartBbs};

const UNRECONCILED: Fingerprint = Fingerprint {
    id: "not reconciled",
    report: "they cannot reconcile the state of the world with the Cloud Controller",
    shows: |seen| logged(seen, &["nsync.sync.failed"]),
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::apps_not_desired",
        story: "The Cloud Controller takes applications and cannot reach the BBSes. Each part by itself is healthy, and \
                what is pushed is not run: the state of the world cannot be reconciled. Once nsync reaches a BBS, its \
                next pass desires them all. A restart of the BBSes is of no use.",
        source: "report 003: they cannot reconcile the state of the world with the Cloud Controller; measured facts, \
                 what Diego did: nsync",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(Partition::between(&[CC], &BBSES))],
            fingerprints: seen(&[UNRECONCILED], secs(30)),
            detected: by(APPS_MISSING, secs(40)).then([more_are_missing_than_may_wait()]),
            control: none("nsync reaches a BBS when the network heals, and its next pass desires them all"),
            wrong: tried([useless(RestartBbs, secs(15)).beside_faults()]),
            ends: by_itself(secs(60)),
        }],
    }
);

/// The newest applications may always wait for nsync: only more than these are unhealthy.
fn more_are_missing_than_may_wait() -> Action<Diego> {
    wait("more applications are missing than may wait for nsync", secs(40), |run: &Run<Diego>| {
        Box::pin(async move {
            match run.system().healthy().await {
                Look::Ready(()) => Look::NotYet("they may be on their way".into()),
                Look::NotYet(_) => Look::Ready(()),
                never => never,
            }
        })
    })
}
