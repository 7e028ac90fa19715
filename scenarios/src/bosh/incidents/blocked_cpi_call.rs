//! A CPI call that never returns: the cancel never ends.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Director, Pace, Setup,
    detectors::{CANCEL_OVERDUE, STUCK_TASK, WRONG_SUBNET},
    manifest, report,
    runbooks::{CancelAgain, DeleteLock, EndStuckTask},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::blocked_cpi_call",
        story: "The cloud-config is right, but z3's network fails for a moment while task 100 makes its VMs there. The \
                CPI has no timeout: its calls wait on dead connections, also when the network is back. The task is \
                cancelled, stays `cancelling`, renews its lock and writes checkpoints. A second cancel is refused; \
                what ends it is the end of the calls.",
        source: "measured facts, how a cancel ends: in a CPI call never, until the CPI returns",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: blocked_and_cancelled(),
            fingerprints: seen(PRINTS, stories::stuck_within(Pace::PLAIN)),
            detected: by(STUCK_TASK, stories::stuck_within(Pace::PLAIN))
                .also(&[CANCEL_OVERDUE, WRONG_SUBNET])
                .then([still_detected(CANCEL_OVERDUE), stories::doubles_are_told()]),
            control: stories::hangs_on(Pace::PLAIN),
            wrong: tried([refuses(CancelAgain), refuses(DeleteLock { forced: false })]),
            ends: healed_by(EndStuckTask { pace: Pace::PLAIN }, stories::RECOVERY),
        }],
    }
);

fn blocked_and_cancelled() -> Vec<Action<Director>> {
    let mut story = stories::blocked(&[]);
    story.push(stories::cancel_in_vain(FIRST, 60));
    story
}

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "create-vm-without-answer",
        report: "requests to create VMs, and no response",
        shows: |seen| {
            let said = |words: &[&str]| seen.iter().filter(|line| line.is_log_with(words)).count();
            said(&["task 100 debug: ", r#"request: {"method":"create_vm""#, "\"10.0.3."]) == manifest::WEBS
        },
    },
    Fingerprint {
        id: "cancelling",
        report: "the cancelled task stays `cancelling`",
        shows: |seen| report::was(seen, FIRST, "cancelling"),
    },
    Fingerprint {
        id: "renews-on",
        report: "it goes on to renew its lock",
        shows: |seen| {
            let from = report::first_as(seen, FIRST, "cancelling");
            from.is_some_and(|from| logged(&seen[from..], &["task 100 debug: ", "Renewing lock: "]))
        },
    },
];
