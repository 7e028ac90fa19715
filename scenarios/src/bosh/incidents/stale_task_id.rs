//! `bosh locks` names a task that does not hold the lock.

use reenact::{Error, incident::*};

use super::super::{
    Director, Pace, Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    faults::{WrongSubnet, job_suspended},
    report::TAKEN_OVER,
    runbooks::{EndStuckTask, KillNamedTask},
    stories::{self, FIRST, SECOND},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::stale_task_id",
        story: "Task 100, which hangs in the CPI, is frozen for longer than its lock lives. Task 163 takes the \
                expired row over, which leaves its task_id as it is, and hangs alike. Thawed, task 100 finds its \
                lock lost and becomes `cancelling`, although nobody has cancelled it. From now on `bosh locks` and \
                the error of every further deploy name task 100, while task 163 holds the lock.",
        source: "measured facts: a takeover of an expired lock does not update task_id",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: takeover(),
            fingerprints: seen(TAKEN_OVER, secs(10)),
            detected: by(STUCK_TASK, stories::stuck_within(Pace::PLAIN))
                .also(&[ZOMBIE_HOLDER, WRONG_SUBNET, DOUBLE_CREATE, CANCEL_OVERDUE])
                .then([the_owner_is_told(), stories::doubles_are_told()]),
            control: stories::hangs_on(Pace::PLAIN),
            wrong: tried([
                refuses(KillNamedTask { forced: false }),
                // Task 163 keeps the lock and hangs.
                deceives(KillNamedTask { forced: true }, secs(2)).still(&[STUCK_TASK]),
            ]),
            ends: healed_by(EndStuckTask { pace: Pace::PLAIN }, stories::RECOVERY),
        }],
    }
);

fn takeover() -> Vec<Action<Director>> {
    vec![
        act(WrongSubnet {}),
        stories::deploy_as(FIRST),
        stories::hangs(FIRST),
        inject_as("frozen", job_suspended(FIRST)),
        stories::locks_run_out(0),
        stories::deploy_as(SECOND),
        stories::hangs(SECOND),
        effect_begins(),
        heal("frozen"),
        stories::lock_names(FIRST),
        stories::becomes(FIRST, "cancelling", Pace::PLAIN.production(241) + secs(5)),
    ]
}

/// The detector names both: who holds the lock, and whom the row names.
fn the_owner_is_told() -> Action<Director> {
    story("the detector names the owner, and whom `locks` names", |run: &Run<Director>| {
        let wanted = [format!("task {SECOND} holds it"), format!("`locks` names task {FIRST}, which does not hold it")];
        let episodes = run.lab().episodes();
        let told = |words: &String| {
            let stuck = episodes.iter().filter(|episode| episode.detector == STUCK_TASK);
            stuck.flat_map(|episode| &episode.evidence).any(|line| line.contains(words))
        };
        let untold = wanted.iter().find(|words| !told(words));
        let held = untold.map_or(Ok(()), |words| Err(Error::failed(format!("{STUCK_TASK} does not say that {words}"))));
        Box::pin(async { held })
    })
}
