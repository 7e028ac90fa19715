//! A cancel that races with the task's end, and is written over it.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Director, Pace, Setup,
    detectors::ABANDONED_CANCEL,
    faults::CallsBehave,
    manifest::PAASTA_LOCK,
    report,
    runbooks::{CancelAgain, EndStuckTask, NextDeploy},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::cancel_races_with_end",
        story: "Task 100 comes to its end just when somebody cancels it. The API has read the row as `processing`; \
                the task writes `done` and its result; then the API writes the row back as it had read it, but \
                `cancelling`. The result is lost, the process is gone, no job is queued: the task is `cancelling` \
                for good, another cancel is refused, and there is nothing to end. Its debug log and its events tell \
                that it was done. Who asks for it once its checkpoint is 180 s old makes it `timeout`.",
        source: "cloudfoundry/bosh, api/task_manager.rb and job_runner.rb (version of August 2026): `task.save` \
                 writes back every column as it was read",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: race(),
            fingerprints: seen(PRINTS, secs(5)),
            detected: by(ABANDONED_CANCEL, secs(10)),
            control: stories::hangs_on(Pace::PLAIN),
            wrong: tried([
                refuses(CancelAgain),
                useless(NextDeploy { forced: false }, secs(3)).still(&[ABANDONED_CANCEL]),
            ]),
            ends: healed_by(EndStuckTask { pace: Pace::PLAIN }, stories::RECOVERY),
        }],
    }
);

/// How the task's last statement begins.
const DONE: &str = r#"UPDATE "tasks" SET "state" = 'done'"#;

/// In a database as slow as this the race is no matter of luck: each statement waits until
/// the next one is there, and then they come in their order.
fn race() -> Vec<Action<Director>> {
    vec![
        inject(CallsBehave::slow(2_500)),
        stories::deploy_as(FIRST),
        stories::hangs(FIRST),
        inject_as("lock", stories::lock_is_held(PAASTA_LOCK)),
        stories::waits("the lock's return", r#"DELETE FROM "locks""#, 1),
        inject_as("task", stories::task_is_held(FIRST)),
        heal("lock"),
        stories::waits("the task's end", DONE, 1),
        stories::asks("DELETE", "/task/100"),
        stories::waits("the cancel", r#"UPDATE "tasks" SET "state" = 'cancelling'"#, 1),
        heal("task"),
        stories::is_answered(204),
        stories::rows_say(
            "the task is cancelling, without its result",
            "SELECT state || '|' || coalesce(result, 'none') FROM tasks WHERE id = 100",
            "cancelling|none",
            stories::SOON,
        ),
        effect_begins(),
    ]
}

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "done-was-written",
        report: "the task writes that it is done",
        shows: |seen| logged(seen, &["task 100 debug: ", DONE]),
    },
    Fingerprint {
        id: "cancelling-afterwards",
        report: "and its row says `cancelling`",
        shows: |seen| {
            let done = seen.iter().position(|line| line.is_log_with(&["task 100 debug: ", DONE]));
            done.is_some_and(|from| report::was(&seen[from..], FIRST, "cancelling"))
        },
    },
];
