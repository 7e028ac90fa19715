//! Every worker is at a task that hangs, and the queue grows.

use reenact::{fingerprint::Fingerprint, incident::*};

use super::super::{
    Director, Pace, Setup,
    detectors::{CANCEL_OVERDUE, STARVATION, STUCK_TASK, WRONG_SUBNET},
    report,
    runbooks::{DeleteLock, FreeWorkers, NextDeploy},
    stories,
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::worker_starvation",
        story: "Three deploys, of three deployments, hang in the CPI: one for each worker. Whatever anybody asks of \
                the director now stays `queued`, in deployments that no lock holds. No lock is at fault, and more \
                workers would only hang as well.",
        source: "measured facts, detection: `queued` over 60 s is worker starvation, not a lock",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: stories::blocked(&["cf", "redis"]),
            fingerprints: seen(PRINTS, Pace::PLAIN.production(600) + secs(15)),
            detected: by(STARVATION, Pace::PLAIN.production(600) + secs(15))
                // Cancelled by the runbook, which may be killed before it ends the calls.
                .also(&[STUCK_TASK, WRONG_SUBNET, CANCEL_OVERDUE])
                .then([
                    detected(STUCK_TASK, stories::stuck_within(Pace::PLAIN)),
                    still_detected(STARVATION),
                    stories::doubles_are_told(),
                ]),
            control: stays_broken(Pace::PLAIN.production(300)),
            wrong: tried([refuses(DeleteLock { forced: false }), refuses(NextDeploy { forced: false })]),
            ends: healed_by(FreeWorkers { pace: Pace::PLAIN }, stories::RECOVERY),
        }],
    }
);

const PRINTS: &[Fingerprint] = &[Fingerprint {
    id: "queued-without-a-lock",
    report: "tasks of other deployments stay `queued`",
    shows: |seen| report::queued(seen, "service-instance-") >= 4,
}];
