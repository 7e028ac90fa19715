//! A database that is away for a moment: the task is called `timeout`, and lives.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Director, Pace, Setup,
    detectors::{STUCK_TASK, WRONG_SUBNET},
    faults::DatabaseAway,
    report,
    runbooks::{CancelAgain, DeleteLock, EndStuckTask},
    stories::{self, FIRST},
};

/// Twice the usual pace: the outage must fall between two renewals.
const PACE: Pace = Pace(0.04);

reenact::incident!(
    Director,
    Incident {
        id: "bosh::database_outage",
        story: "While task 100 hangs in the CPI its database is away for 30 s. The outage kills the thread that \
                writes checkpoints, and not the task. 180 s later, whoever asks for the task makes it `timeout`, \
                which reads as dead, and a cancel is answered with 400. Yet the task lives and renews its lock: \
                whoever deleted that lock would put a second deploy beside it.",
        source: "measured facts, look-alikes: a database outage of 30 s",
        setup: Setup::at(PACE),
        acts: vec![Act {
            breaks: outage(),
            fingerprints: seen(PRINTS, stories::stuck_within(PACE)),
            detected: by(STUCK_TASK, stories::stuck_within(PACE))
                .also(&[WRONG_SUBNET])
                .then([stories::doubles_are_told()]),
            control: stories::hangs_on(PACE),
            wrong: tried([refuses(DeleteLock { forced: false }), refuses(CancelAgain)]),
            ends: healed_by(EndStuckTask { pace: PACE }, stories::RECOVERY),
        }],
    }
);

fn outage() -> Vec<Action<Director>> {
    let mut story = stories::blocked(&[]);
    // What others had in hand would be lost as well: that is another story.
    story.extend(stories::others_rest());
    story.extend([
        stories::renewed(PACE),
        inject_as("outage", DatabaseAway {}),
        stories::logs(&THREAD_DIED, PACE.production(60) + stories::SOON),
        heal("outage"),
        resume_workload(),
        stories::asked_for(FIRST, "timeout"),
        stories::cannot_be_cancelled(FIRST),
        effect_begins(),
    ]);
    story
}

/// What the worker's log has of the thread's end.
const THREAD_DIED: [&str; 1] = ["task 100: the checkpoint thread terminated with an exception"];

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "checkpoint-thread-died",
        report: "the outage kills the checkpoint thread",
        shows: |seen| logged(seen, &THREAD_DIED),
    },
    Fingerprint {
        id: "timeout",
        report: "the task shows `timeout`",
        shows: |seen| report::was(seen, FIRST, "timeout"),
    },
    Fingerprint {
        id: "renews-on",
        report: "yet it renews its lock",
        shows: |seen| {
            let from = report::first_as(seen, FIRST, "timeout");
            from.is_some_and(|from| logged(&seen[from..], &["task 100 debug: ", "Renewing lock: "]))
        },
    },
];
