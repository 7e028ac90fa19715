//! Twin: all workers are at tasks that take their time, and others wait.

use reenact::incident::*;

use super::super::{Director, Pace, Setup, faults::CallsBehave, stories};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_all_workers_busy",
        story: "Three deploys whose create_vm take four seconds, 200 s of production, keep all three workers busy. \
                What is asked for meanwhile is `queued` for over a minute, and no lock is at fault. Then the workers \
                are free again, and all of it is done.",
        source: "measured facts, look-alikes: all workers busy: `queued`, no lock fault",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act::benign(all_busy(), secs(10))],
    }
);

/// The oldest job that no worker has waits for over 60 s of production.
const WAITS: &str = "SELECT max(now() AT TIME ZONE 'UTC' - run_at) > interval '1.2 seconds'
                     FROM delayed_jobs WHERE locked_by IS NULL";

fn all_busy() -> Vec<Action<Director>> {
    let mut story = vec![inject(CallsBehave::slow(4_000))];
    story.extend(stories::deploys(&["cf", "redis"]));
    story.extend([resume_workload(), stories::rows_say("a job waits for a worker", WAITS, "t", secs(10))]);
    story.push(stories::becomes(stories::FIRST, "done", secs(40)));
    story.extend(["cf", "redis"].map(|name| stories::becomes(name, "done", secs(40))));
    story
}
