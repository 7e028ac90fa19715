//! Two workers of one name take one task: one writes its end, the other works on.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Director, Pace, Setup,
    detectors::{ENDED_TASK_LIVES, STALE_LOCK, TASK_RUNS_TWICE, WRONG_SUBNET},
    faults::{PidfileLost, calls_lost, worker_suspended},
    report,
    runbooks::{DeleteLock, EndEndedTask, EndStuckTask, NextDeploy},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::task_taken_twice",
        story: "The pidfile of worker_1 is lost; somebody starts the worker by its control script, and there are two \
                of that name. Both reserve the job of task 100, both read it as `queued`, and both run it. One gets \
                the deployment's lock and hangs in the CPI; the other gives up, writes `error`, and is gone. The \
                task has ended: `bosh tasks` does not list it, and it cannot be cancelled. Its process lives, renews \
                the lock, and lets no other deploy through.",
        source: "cloudfoundry/bosh#1270 (two workers of one name took one task), #827 (no task is listed, and the \
                 lock's expiry moves on), #2123 (a job that outlives its worker)",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: taken_twice(),
            fingerprints: seen(PRINTS, secs(10)),
            detected: by(ENDED_TASK_LIVES, Pace::PLAIN.production(120) + secs(10))
                // Once its process is ended its lock is left, until it expires.
                .also(&[TASK_RUNS_TWICE, WRONG_SUBNET, STALE_LOCK])
                .then([
                    stories::deploy("next"),
                    stories::becomes("next", "error", stories::SOON),
                    stories::doubles_are_told(),
                ]),
            control: stories::hangs_on(Pace::PLAIN),
            wrong: tried([
                refuses(DeleteLock { forced: false }),
                refuses(EndStuckTask { pace: Pace::PLAIN }),
                useless(NextDeploy { forced: false }, secs(3)).still(&[ENDED_TASK_LIVES]),
            ]),
            ends: healed_by(EndEndedTask { pace: Pace::PLAIN }, stories::RECOVERY),
        }],
    }
);

/// The workers, and those beside the one that there is twice.
const TWICE: &str = "worker_1";
const OTHERS: [&str; 2] = ["worker_2", "worker_3"];

fn taken_twice() -> Vec<Action<Director>> {
    let mut story = vec![inject_as("network", stories::z3_unreachable())];
    story.extend(stories::others_rest());
    story.push(act(PidfileLost { worker: TWICE.into() }));
    // Nobody takes the task before its row is held: both have read it by then.
    story.extend(OTHERS.into_iter().chain([TWICE]).map(|worker| inject_as(worker, worker_suspended(worker))));
    story.extend([
        stories::deploy_as(FIRST),
        inject_as("task", stories::task_is_held(FIRST)),
        heal(TWICE),
        stories::waits("the start of the task, twice,", r#"UPDATE "tasks" SET "state" = 'processing'"#, 2),
        heal("task"),
    ]);
    story.extend(OTHERS.map(heal));
    story.extend([
        stories::makes_vms(FIRST),
        stories::becomes(FIRST, "error", stories::SOON),
        act(calls_lost()),
        heal("network"),
        effect_begins(),
    ]);
    story
}

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "one-gives-up",
        report: "one of the two fails for the lock that the other has",
        shows: |seen| logged(seen, &["task 100 debug: ", "Failed to acquire lock for lock:deployment:paasta"]),
    },
    Fingerprint {
        id: "renews-on",
        report: "the task is `error`, and the lock's expiry moves on",
        shows: |seen| {
            let from = report::first_as(seen, FIRST, "error");
            from.is_some_and(|from| logged(&seen[from..], &["task 100 debug: ", "Renewing lock: "]))
        },
    },
];
