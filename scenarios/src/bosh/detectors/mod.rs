//! Detectors of a BOSH director whose tasks hang, over one fold of the observations each.
//!
//! # The signals
//!
//! Node `director` is one container with the API, the workers, the tasks' processes and
//! the CPI's; node `db` is its PostgreSQL. Each is looked at every 250 ms, and known for
//! 3 s (`FRESH`). Either node may ask a question; the director's processes are those
//! of the node where they were last seen. Fields are divided by `|`, an absent one is
//! empty, the last may hold more `|`. Moments are milliseconds since 1970; `now_ms` is when
//! the answer was made by the director's clock, the host's (never the database's).
//!
//! | question | what the values are |
//! |---|---|
//! | `sql:locks` | `now_ms`; a lock's name (`lock:…`) → `uid\|task_id\|expired_at_ms`, expired rows too |
//! | `sql:tasks` | `now_ms`; id → `state\|type\|deployment\|checkpoint_ms\|started_ms\|description`, the last 20 and all that have not ended |
//! | `sql:events` | id → `action\|object_type\|object_name\|task\|deployment\|error`, the newest 50; empty while there are none |
//! | `sql:jobs` | `now_ms`; id → `queue\|locked_by\|run_at_ms\|task`; `workers`: their names, divided by spaces |
//! | `sql:vms` | cid → `instance\|ip` |
//! | `iaas:inflight` | `now_ms`; request id → `method\|task\|instance\|ip\|az\|pid\|begun_ms` (`begun_ms`: the file's mtime) |
//! | `iaas:vms` | cid → `deployment\|instance\|ip\|az` |
//! | `director:write` | of a small config that is stored by the API, `POST /configs`, every five seconds: `done`; `ms`, how long it took or takes; `waits_for` |
//! | `director:config` | `renew_ms`, `expiry_ms`, `checkpoint_ms`, `timeout_ms`, `agent_wait_ms`, `scale` (a factor such as `0.02`); `subnet:<az>` → its ranges, divided by spaces. Once is enough; again when either changes |
//!
//! SQL is raw: the HTTP API's `GET /locks` and `GET /tasks` change what they show. A
//! database that is away is `Refused` or `Hung`.
//!
//! `Log` lines on `director` are those of each task's `debug` file, prefixed by `task 100
//! debug: `, and of its `event_output`, by `task 100 event: `. A message of several lines
//! is several, each with the prefix. A line counts from when it is read.
//!
//! `Processes` on `director`: each command line, arguments joined by spaces, followed by
//! ` pid=… ppid=…` **as the container counts** (it must match `iaas:inflight`). A worker
//! shows its `--name`. No line of the container's other processes is needed.
//!
//! # The diagnoses
//!
//! For one lock, [`STUCK_TASK`] (its owner lives), [`STALE_LOCK`] (its owner has no
//! process) and, for the same task, [`ZOMBIE_HOLDER`] (it lives and is no owner) exclude
//! each other; of two tasks, one may be stuck while the other is a zombie: the report.
//! [`CANCEL_OVERDUE`] stands beside either, but not beside [`ABANDONED_CANCEL`], of which
//! nobody will ever make an end; [`STARVATION`] stands beside all. [`AGENT_TASK_ENDLESS`] is
//! what [`STUCK_TASK`] is not: a task that polls an agent says a word each second, and does
//! not get on. [`ENDED_TASK_LIVES`] is about tasks that have ended by their rows, of which
//! none of these says a word; [`TASK_RUNS_TWICE`] is how one comes about. [`WRONG_SUBNET`]
//! names the cause of what hangs. [`DIRECTOR_DOWN`] is for what has no other name: of workers it
//! is silent where [`STARVATION`] names them. [`WRITES_STALLED`] is silent beside it. [`DOUBLE_CREATE`] needs a zombie or an orphan, and
//! [`LEAKED_VMS`] that nobody is left who would write them down.
//!
//! Limits are production's seconds, times the director's scale; they are meant for scales
//! of 0.02 and more, where each is longer than two looks.

mod agent;
mod down;
mod ended;
mod history;
mod iaas;
mod lock;
pub(super) mod log;
pub(super) mod process;
mod task;
mod view;
mod writes;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use reenact::{detect::Rule, detector};

pub(super) use writes::WRITE;

/// A lock is held by a task that lives and does nothing.
pub const STUCK_TASK: &str = "bosh/stuck_task_holds_lock";
/// A task was told to stop and does not.
pub const CANCEL_OVERDUE: &str = "bosh/cancel_overdue";
/// A task lost its lock and works on.
pub const ZOMBIE_HOLDER: &str = "bosh/zombie_holder";
/// A lock is held by a task without a process.
pub const STALE_LOCK: &str = "bosh/stale_lock_of_dead_task";
/// Jobs wait, and no worker will take them.
pub const STARVATION: &str = "bosh/worker_starvation";
/// The CPI calls that hang share one subnet.
pub const WRONG_SUBNET: &str = "bosh/unreachable_subnet";
/// Two calls make a VM for one instance with one address.
pub const DOUBLE_CREATE: &str = "bosh/two_creates_in_flight";
/// The IaaS has VMs that the director does not know.
pub const LEAKED_VMS: &str = "bosh/leaked_vms";
/// A task polls an agent, which says for hours that what it was told runs still.
pub const AGENT_TASK_ENDLESS: &str = "bosh/agent_task_endless";
/// A task has ended by its row, and its process works on.
pub const ENDED_TASK_LIVES: &str = "bosh/ended_task_lives";
/// Two processes are at one task.
pub const TASK_RUNS_TWICE: &str = "bosh/task_runs_twice";
/// A task is to be cancelled that nobody is at, and nobody will take.
pub const ABANDONED_CANCEL: &str = "bosh/abandoned_cancel";

/// A process of the director is not there, or its database does not answer, and no other
/// diagnosis says why.
pub const DIRECTOR_DOWN: &str = "bosh/director_down";

/// The director's tables are read, and no write by its API comes to its end.
pub const WRITES_STALLED: &str = "bosh/writes_stalled";

/// Limits that follow the scale are in the conditions. These holds are for looks that
/// tell of different moments: after six, each has told of the present one, though some
/// be lost.
const LOOKS_AGREE: Duration = Duration::from_millis(1_500);

/// None: the condition measures by itself for how long it has held, up to the look that
/// says so.
const NONE: Duration = Duration::ZERO;

/// monit looks each second here and every ten in production; within this time it has started
/// twice what is gone. No interval of the director's, so it does not follow the scale.
const DOWN_HOLD: Duration = Duration::from_secs(30);

/// A client gives a write up after 5 s, and one that was under way when all was well again may
/// have that long to go. A slow director answers within it.
const STALLED_HOLD: Duration = Duration::from_secs(15);

/// A directory that is listed while one call ends and the next begins may show both,
/// once.
const BOTH_HOLD: Duration = Duration::from_millis(500);

detector! {
    STUCK_TASK,
    "A task holds a lock, renews it and writes checkpoints, and does nothing: end its hung CPI call, not its lock.",
    Rule::new(LOOKS_AGREE, lock::stuck),
}

detector! {
    CANCEL_OVERDUE,
    "A task was cancelled and never comes to where it would notice: what it waits for must end first.",
    Rule::new(NONE, task::cancel_overdue),
}

detector! {
    ZOMBIE_HOLDER,
    "A task lost its lock and works on beside whoever takes it: end the task before anything is deployed.",
    Rule::new(NONE, lock::zombie),
}

detector! {
    STALE_LOCK,
    "A lock is left of a task that has no process: let it expire, once its CPI calls have ended too.",
    Rule::new(NONE, lock::stale),
}

detector! {
    STARVATION,
    "Jobs are queued and every worker is away or at a task that does nothing: no lock is at fault.",
    Rule::lasting(LOOKS_AGREE, task::starved),
}

detector! {
    WRONG_SUBNET,
    "The CPI calls that hang are all in one subnet: mend the cloud-config before the next deploy.",
    Rule::new(NONE, iaas::hung_subnet),
}

detector! {
    DOUBLE_CREATE,
    "Two create_vm calls are in flight for one instance and address: a lock was taken from a living task.",
    Rule::new(BOTH_HOLD, iaas::doubles),
}

detector! {
    LEAKED_VMS,
    "VMs exist that the director does not know, and hold their addresses: reconcile before the next deploy.",
    Rule::new(LOOKS_AGREE, iaas::leaks),
}

detector! {
    AGENT_TASK_ENDLESS,
    "A task waits for an agent that says `running` for longer than that takes: look at the script that runs on its VM.",
    Rule::new(NONE, agent::endless),
}

detector! {
    ENDED_TASK_LIVES,
    "A task has ended by its row, and its process works on under its lock: end the process before anything is deployed.",
    Rule::new(NONE, ended::lives_on),
}

detector! {
    TASK_RUNS_TWICE,
    "Two processes are at one task: find out which workers have one name, and end the process without the lock.",
    Rule::new(LOOKS_AGREE, ended::runs_twice),
}

detector! {
    ABANDONED_CANCEL,
    "A task is cancelling and nobody is at it: there is nothing to end; its events tell whether it was done.",
    Rule::new(NONE, task::abandoned),
}

detector! {
    DIRECTOR_DOWN,
    "A process of the director or its database is not there, and no other diagnosis says why: see its last words.",
    Rule::lasting(DOWN_HOLD, down::not_there),
}

detector! {
    WRITES_STALLED,
    "The director's tables are read and every process is there, and writes by its API hang: see what its database waits for.",
    Rule::new(STALLED_HOLD, writes::stalled),
}
