//! The trap: the lock of a task that hangs is deleted, and the task is left alive.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    faults::WrongSubnet,
    report::ROBBED,
    runbooks::{DeleteLock, NextDeploy},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::lock_of_living_task_deleted",
        story: "A deploy hangs in the CPI and holds the deployment's lock. Somebody deletes the lock's row by psql, \
                with the director running, and deploys again. The task that hangs notices at its next renewal, and \
                cannot stop. Both tasks now have create_vm in flight for the same instances at the same addresses.",
        source: "measured facts, danger: the row of a living task's lock deleted",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![
            Act {
                breaks: vec![act(WrongSubnet {}), stories::deploy_as(FIRST), stories::hangs(FIRST), effect_begins()],
                fingerprints: none("the next act is what was measured"),
                detected: by(STUCK_TASK, stories::stuck_within(Pace::PLAIN)).also(&[WRONG_SUBNET]),
                control: none("bosh::stuck_task_keeps_lock proves it of the same state"),
                wrong: tried([refuses(DeleteLock { forced: false }), refuses(NextDeploy { forced: false })]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![call(DeleteLock { forced: true }), effect_begins(), call(NextDeploy { forced: true }),],
                fingerprints: seen(ROBBED, secs(20)),
                detected: by(DOUBLE_CREATE, secs(20))
                    .also(&[ZOMBIE_HOLDER, CANCEL_OVERDUE])
                    .then([detected(ZOMBIE_HOLDER, secs(20))]),
                control: none("bosh::stuck_task_keeps_lock proves it of the same state"),
                wrong: none("the wrong runbook, which the first act shows to refuse, is this act's beginning"),
                ends: stories::each_web_is_doubled(harm([], &[Harm::Repeated])),
            },
        ],
    }
);
