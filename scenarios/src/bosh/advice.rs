//! What to do about a director's tasks, and what not to: the runbooks' own conditions, checked by
//! what was seen. Figures are those of docs/figures.md.

use reenact::diagnose::{Advice, Case, Met, Precondition};

use super::{
    detectors::{
        ABANDONED_CANCEL, AGENT_TASK_ENDLESS, CANCEL_OVERDUE, DIRECTOR_DOWN, DOUBLE_CREATE, ENDED_TASK_LIVES,
        LEAKED_VMS, STALE_LOCK, STARVATION, STUCK_TASK, TASK_RUNS_TWICE, WRITES_STALLED, WRONG_SUBNET, ZOMBIE_HOLDER,
    },
    signals::{Events, Inflight, Locks, Tasks},
};
use reenact::probe::Question;

/// What questions were answered with, if they were.
fn read<Q: Question>(case: &Case) -> Option<Q> {
    case.answers(Q::OF).find_map(|(.., answer)| answer.read().ok())
}

/// For how long logs must be silent before a task counts as one that does not get on.
const SILENT_S: i64 = 120;

const OWNER_KNOWN: Precondition = Precondition {
    what: "whose the lock is, the events tell (not `bosh locks`: after a takeover it names the wrong task)",
    met: |_, case| {
        let known = read::<Events>(case).map(|events| {
            let locks = events.0.values().filter(|event| event.object_type == "lock");
            locks.filter(|event| event.action == "acquire").any(|event| event.task.is_some())
        });
        Met::from(known)
    },
};

const SILENT: Precondition = Precondition {
    what: "its debug log was silent for two minutes: renewals of the lock and checkpoints are no progress",
    met: |gathered, case| {
        let ends = gathered.iter().filter_map(|node| node.log.iter().filter_map(|line| line.at).max()).max();
        let silent = case.at().zip(ends).map(|(at, ends)| at.duration_since(ends).as_secs() >= SILENT_S);
        // A line of the last two minutes may be a renewal: a person reads it.
        Met::from(silent.filter(|is_silent| *is_silent))
    },
};

const IN_THE_CPI: Precondition = Precondition {
    what: "what it waits for is a CPI call",
    met: |_, case| Met::from(read::<Inflight>(case).map(|calls| !calls.rows.is_empty())),
};

const NO_LOCK: Precondition = Precondition {
    what: "no lock is held any more",
    met: |_, case| {
        let held = read::<Locks>(case).map(|locks| locks.rows.values().all(|lock| lock.expired_ms <= locks.now_ms));
        Met::from(held)
    },
};

const ALL_ENDED: Precondition = Precondition {
    what: "every task has ended by its row",
    met: |_, case| Met::from(read::<Tasks>(case).map(|tasks| tasks.rows.values().all(|task| !task.is_open()))),
};

const ASKED_ITS_VM: Precondition = Precondition {
    what: "the drain has run for over twenty minutes on its VM: one that is younger may come to its end",
    met: |_, _| Met::Unknown,
};

const STUCK: &[&str] = &[
    "Find the lock's owner by the events, and read its debug log twice, a minute apart: does it get on?",
    "bosh cancel-task; where the task waits for a CPI call it does not notice.",
    "End the CPI's processes of that task (they are its children), not its lock. Its process with its worker only if that is not enough.",
    "Wait until the lock is given back or has expired.",
    "End the CPI's processes of dead tasks, and delete the VMs that the director does not know.",
    "Correct the cloud-config if its subnets are wrong, and deploy.",
];

const DELETE_LOCK: (&str, &str) = (
    "delete the lock's row",
    "the task works on beside whoever takes the lock: two create_vm for one instance, in 8 of 8 re-enactments \
     (bosh::lock_of_living_task_deleted), and after a stop of all jobs in 8 of 8 (bosh::fix_delete_lock)",
);

const DEPLOY_AGAIN: (&str, &str) =
    ("deploy again, and change nothing else", "the next deploy hangs like this one (bosh::stuck_task_keeps_lock)");

const CANCEL_AGAIN: (&str, &str) = ("cancel again", "refused, or of no use: it does not look (bosh::blocked_cpi_call)");

const NEW_DIRECTOR: (&str, &str) = (
    "deploy the director again",
    "the cloud-config is in its database, and as wrong as before (bosh::fix_redeploy_director)",
);

pub(super) const ADVICE: &[Advice] = &[
    Advice {
        detector: STUCK_TASK,
        runbook: "end_stuck_task",
        steps: STUCK,
        preconditions: &[OWNER_KNOWN, SILENT, IN_THE_CPI],
        wrong: &[DELETE_LOCK, CANCEL_AGAIN, DEPLOY_AGAIN, NEW_DIRECTOR],
    },
    Advice {
        detector: CANCEL_OVERDUE,
        runbook: "end_stuck_task",
        steps: STUCK,
        preconditions: &[OWNER_KNOWN, SILENT, IN_THE_CPI],
        wrong: &[CANCEL_AGAIN, DELETE_LOCK],
    },
    Advice {
        detector: WRONG_SUBNET,
        runbook: "none of its own: correct the cloud-config before the next deploy",
        steps: &[
            "Compare the ranges of the calls that hang with the cloud-config, zone by zone; bosh update-cloud-config.",
        ],
        preconditions: &[],
        wrong: &[DEPLOY_AGAIN],
    },
    Advice {
        detector: STALE_LOCK,
        runbook: "end_stuck_task",
        steps: &[
            "End the CPI's processes that the dead task has left, wait until its lock has expired, delete the VMs that nobody knows, deploy.",
        ],
        preconditions: &[OWNER_KNOWN],
        wrong: &[DELETE_LOCK],
    },
    Advice {
        detector: LEAKED_VMS,
        runbook: "end_stuck_task",
        steps: &["Delete at the IaaS the VMs that no row of `vms` knows: they hold their addresses. Then deploy."],
        preconditions: &[NO_LOCK, ALL_ENDED],
        wrong: &[("deploy again, and change nothing else", "the addresses are taken (bosh::worker_killed)")],
    },
    Advice {
        detector: ABANDONED_CANCEL,
        runbook: "end_stuck_task",
        steps: &["There is nothing to end. Its debug log and events tell whether it was done; if not, deploy."],
        preconditions: &[NO_LOCK],
        wrong: &[("cancel it again", "refused (bosh::cancel_races_with_end)")],
    },
    Advice {
        detector: STARVATION,
        runbook: "free_workers",
        steps: &[
            "Cancel the tasks whose logs do not grow, and end their CPI calls: the workers take what is queued.",
            "Deploy what did not come to its end.",
        ],
        preconditions: &[SILENT, IN_THE_CPI],
        wrong: &[
            ("delete a lock", "no lock is at fault (bosh::worker_starvation)"),
            ("add workers", "they would hang as well, where the same deploys are asked for"),
        ],
    },
    Advice {
        detector: ZOMBIE_HOLDER,
        runbook: "end_zombie",
        steps: &[
            "End the CPI calls of the task that lost its lock, then its process if it lives on. Leave the lock's holder alone.",
        ],
        preconditions: &[OWNER_KNOWN],
        wrong: &[("kill the task that `bosh locks` names", "it may be the wrong one (bosh::stale_task_id)")],
    },
    Advice {
        detector: DOUBLE_CREATE,
        runbook: "none",
        steps: &[
            "Whose the lock is, the events tell: end the other task's CPI calls and process. Then compare the IaaS's VMs with the rows of `vms`.",
        ],
        preconditions: &[OWNER_KNOWN],
        wrong: &[DELETE_LOCK],
    },
    Advice {
        detector: ENDED_TASK_LIVES,
        runbook: "end_ended_task",
        steps: &[
            "End what goes on of the task that has ended, and the worker too many; wait for the lock to expire, delete VMs that nobody knows, deploy.",
        ],
        preconditions: &[ALL_ENDED],
        wrong: &[DELETE_LOCK],
    },
    Advice {
        detector: TASK_RUNS_TWICE,
        runbook: "end_ended_task",
        steps: &[
            "Find the workers of one name: monit knows one. End the process without the lock, and the worker too many.",
        ],
        preconditions: &[OWNER_KNOWN],
        wrong: &[DELETE_LOCK],
    },
    Advice {
        detector: AGENT_TASK_ENDLESS,
        runbook: "end_drain",
        steps: &[
            "bosh ssh to the VM that the task's log names, and end the drain script that hangs there.",
            "Deploy again.",
        ],
        preconditions: &[ASKED_ITS_VM],
        wrong: &[("end CPI calls", "the task waits for none (bosh::drain_never_ends)"), DELETE_LOCK],
    },
    Advice {
        detector: DIRECTOR_DOWN,
        runbook: "power_on, or start_missing",
        steps: &[
            "Where its machine is off, power it on.",
            "Where monit says that it runs, and it does not: monit unmonitor it, then monit start it. Monit keeps a pid that is somebody else's by now.",
            "Else monit summary; the last lines of the job's own log; the database's.",
        ],
        preconditions: &[],
        wrong: &[],
    },
    Advice {
        detector: WRITES_STALLED,
        runbook: "none: see what its database waits for",
        steps: &["SELECT pid, state, wait_event, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'."],
        preconditions: &[],
        wrong: &[],
    },
];
