//! A task's process is suspended for longer than its lock lives, and resumed.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    faults::{CallsBehave, job_suspended},
    report::TAKEN_OVER,
    runbooks::{CancelAgain, EndZombie, NextDeploy},
    stories::{self, FIRST, SECOND},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::suspended_job",
        story: "Task 100, whose CPI calls hang, is suspended for longer than its lock lives, as in a frozen VM. The \
                lock expires; task 163 takes the row over and makes the same VMs, while `locks` still names task \
                100. Resumed, task 100 finds at its next renewal that it has lost the lock. It becomes `cancelling` \
                without any cancel, and cannot stop: it waits for its calls. Task 163 is well and must be left \
                alone.",
        source: "measured facts, look-alikes: a suspended worker, a takeover, then its resume; the row is not resurrected",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: suspension(),
            fingerprints: seen(TAKEN_OVER, secs(10)),
            detected: by(ZOMBIE_HOLDER, secs(15))
                // Stuck it is, until it is suspended.
                .also(&[DOUBLE_CREATE, CANCEL_OVERDUE, WRONG_SUBNET, STUCK_TASK])
                .then([stories::doubles_are_told()]),
            control: stories::hangs_on(Pace::PLAIN),
            wrong: tried([refuses(CancelAgain), refuses(NextDeploy { forced: false })]),
            ends: healed_by(EndZombie { pace: Pace::PLAIN }, stories::RECOVERY).then([stories::is_done(SECOND)]),
        }],
    }
);

fn suspension() -> Vec<Action<Director>> {
    let mut story = stories::blocked(&[]);
    story.extend([
        inject_as("suspended", job_suspended(FIRST)),
        stories::lock_is_left(Pace::PLAIN, 0),
        // To the end: task 163 is still at work when the zombie beside it is ended.
        act(CallsBehave::slow(8_000)),
        stories::deploy_as(SECOND),
        stories::hangs(SECOND),
        heal("suspended"),
        effect_begins(),
    ]);
    story
}
