//! A worker's clock is ahead, and its tasks take locks that are held.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, ZOMBIE_HOLDER},
    faults::{CallsBehave, ClockSkewed, worker_suspended},
    report::TAKEN_ALIVE,
    runbooks::{DeleteLock, SetClocks},
    stories,
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::clock_skewed_acquirer",
        story: "Two workers' clocks are four minutes ahead. A healthy deploy takes its time on the third worker; \
                then the same is deployed again, on one of the two. By that worker's clock the lock has expired. It \
                takes the lock at once, from a task that renews it, and both tasks have create_vm in flight for the \
                same instances at the same addresses.",
        source: "measured facts, traps: an acquirer whose clock runs over 121 s ahead; at 250 s it need not wait for \
                 a moment before a renewal",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: robbery(),
            fingerprints: seen(TAKEN_ALIVE, secs(5)),
            detected: by(ZOMBIE_HOLDER, secs(10))
                .also(&[DOUBLE_CREATE, CANCEL_OVERDUE])
                .then([stories::doubles_are_told()]),
            control: stays_broken(secs(12)),
            // While both hang: once the calls return, the holder ends and gives its lock back.
            wrong: tried([refuses(DeleteLock { forced: false }).beside_faults()]),
            ends: healed_by(SetClocks, stories::RECOVERY),
        }],
    }
);

/// The workers whose clocks are ahead; the third one's is right.
const AHEAD: [&str; 2] = ["worker_2", "worker_3"];

/// By how many seconds of production: longer than the 241 s that a lock lives.
const SECONDS: i64 = 250;

fn robbery() -> Vec<Action<Director>> {
    // Below the 600 s of production after which a call is suspect: 12 s here.
    let mut story = vec![inject(CallsBehave::slow(9_000))];
    // A worker is started again to get its clock, and drops the task that it has.
    story.extend(stories::others_rest());
    story.extend(AHEAD.map(|worker| act(ClockSkewed { worker: worker.into(), seconds: SECONDS })));
    // No worker with a wrong clock takes the first deploy: they stand still until another has
    // it.
    story.extend(AHEAD.map(|worker| inject_as(worker, worker_suspended(worker))));
    story.extend([stories::deploy("robbed"), stories::hangs("robbed")]);
    story.extend(AHEAD.map(heal));
    story.extend([
        resume_workload(),
        stories::deploy("robber"),
        stories::hangs("robber"),
        stories::hangs("robbed"),
        effect_begins(),
    ]);
    story
}
