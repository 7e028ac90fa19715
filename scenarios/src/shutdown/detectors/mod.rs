//! Detectors of asynchronous work that a shutdown loses, over one fold of the
//! observations each.
//!
//! Two kinds of evidence stand beside each other. The *ends* of an instance
//! ([`EXITED_BUSY`], [`KILLED_BUSY`], [`OOM_KILLED_BUSY`]) tell at once that work was in
//! memory; an end has one cause, so they exclude each other. Its overdue *rows*
//! ([`LOST_WORK`], [`OUTBOX_STALLED`], [`OVERDUE`]) tell after the age limit what became
//! of it; an instance's rows are in one state, so these exclude each other too. So
//! [`LOST_WORK`] comes with one of the first kind or, where an instance says nothing of
//! its work, alone. [`DUPLICATES`] is about what was done and may stand beside any.
//! [`DOES_NOT_START`] is for what has no other name, and silent where any of the rest holds. So is
//! [`WRITES_STALLED`], which is about requests that have no answer, and so no row.
//!
//! All are quiet again once a reconciliation finds nothing that the end could have
//! taken: after a replay, and after an end that took nothing. The exit code is no
//! evidence of a loss: the faulty and the fixed service both gave 0 (Rust) and 143
//! (JVM), as measured.

mod instance;
mod log;
mod reconcile;
mod rows;
mod run;
mod start;
mod writes;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use reenact::{
    detect::{Rule, Told, any, holds},
    detector,
};

use instance::{Instance, ServiceView};
use log::Keeps;
pub(super) use reconcile::Reconciliation;
use rows::{Rows, State, exit_line};
use run::{Cause, End, Run};
pub(super) use writes::WRITE;

/// An instance ended, and who would have done the work of rows ended with it.
pub const LOST_WORK: &str = "shutdown/lost_async_work";
/// At its orderly end an instance had background work in memory.
pub const EXITED_BUSY: &str = "shutdown/exited_with_work_in_flight";
/// The same, killed.
pub const KILLED_BUSY: &str = "shutdown/killed_with_work_in_flight";
/// The same, killed for want of memory.
pub const OOM_KILLED_BUSY: &str = "shutdown/oom_killed_with_work_in_flight";
/// Work that is kept durably waits for a replica that runs.
pub const OUTBOX_STALLED: &str = "shutdown/outbox_stalled";
/// Work that somebody should do is not done.
pub const OVERDUE: &str = "shutdown/overdue_work";
/// Work was done more than once.
pub const DUPLICATES: &str = "shutdown/duplicate_effects";

/// A replica does not start, and no other diagnosis says why.
pub const DOES_NOT_START: &str = "shutdown/does_not_start";

/// The rows are read, and no request comes to its answer.
pub const WRITES_STALLED: &str = "shutdown/writes_stalled";

/// The machine, the log and the rows are each looked at four times a second: after
/// four looks they tell of the same moment.
const LOST_HOLD: Duration = Duration::from_secs(1);

/// The last lines of a log are read within a look or two of the end, and so is the
/// reconciliation by which work turns out to be done after all.
const EXIT_HOLD: Duration = Duration::from_secs(1);

/// A rolling restart with one replica has nobody for less time than this: Spring's
/// service, the slower one, is there 1.6 s after its start. A machine that runs counts.
const STALLED_HOLD: Duration = Duration::from_secs(3);

/// None: rows count as stuck only the age limit and [`rows::ATTEMPT`] later already.
const OVERDUE_HOLD: Duration = Duration::ZERO;

/// None: what was done twice stays so, and one look is enough to know it.
const DUPLICATES_HOLD: Duration = Duration::ZERO;

/// Longer than any start: Spring's service is there 1.6 s after its own, and 12 s on a machine
/// at its limit. A supervisor that backs off has tried three times by then.
const START_HOLD: Duration = Duration::from_secs(30);

/// A request is given up after 5 s; one that a replica took before its end may be the last of
/// three such.
const WRITES_HOLD: Duration = Duration::from_secs(20);

detector! {
    LOST_WORK,
    "An instance ended with work in memory that was promised: replay exactly the reconciled rows, idempotently.",
    Rule::new(LOST_HOLD, any_rows(|state| matches!(state, State::Lost(_)))),
}

detector! {
    EXITED_BUSY,
    "An instance shut down gracefully, by its requests, while its background work was in flight or queued.",
    Rule::new(EXIT_HOLD, any_end(Cause::Orderly)),
}

detector! {
    KILLED_BUSY,
    "An instance was killed while background work was in flight in its memory.",
    Rule::new(EXIT_HOLD, any_end(Cause::Killed)),
}

detector! {
    OOM_KILLED_BUSY,
    "An instance was killed for want of memory while background work was in flight in it.",
    Rule::new(EXIT_HOLD, any_end(Cause::OutOfMemory)),
}

detector! {
    OUTBOX_STALLED,
    "Intents wait durably and no replica runs: restart any, and replay nothing.",
    Rule::lasting(STALLED_HOLD, any_rows(|state| matches!(state, State::Stalled(_)))),
}

detector! {
    OVERDUE,
    "Background work is overdue and none of it gets done, though no shutdown took it.",
    Rule::new(OVERDUE_HOLD, any_rows(|state| matches!(state, State::Stuck(_)))),
}

detector! {
    DUPLICATES,
    "Requests had their effect more than once, as after a replay that is not idempotent.",
    Rule::new(DUPLICATES_HOLD, duplicates),
}

detector! {
    DOES_NOT_START,
    "A replica ends by an error of its own or serves nobody, and no other diagnosis says why: read its last words.",
    Rule::lasting(START_HOLD, |view: &ServiceView| start::does_not_start(view, is_told_precisely)),
}

detector! {
    WRITES_STALLED,
    "Requests hang, though replicas run and their database is read: see what the database's sessions wait for.",
    Rule::new(WRITES_HOLD, |view: &ServiceView| writes::stalled(view, is_told_precisely)),
}

/// Whether a diagnosis that is more than the lack of a replica holds at this moment.
fn is_told_precisely(view: &ServiceView) -> bool {
    let causes = [Cause::Orderly, Cause::Killed, Cause::OutOfMemory];
    let is_bad = |state: &State| matches!(state, State::Lost(_) | State::Stalled(_) | State::Stuck(_));
    holds(any_rows(is_bad)(view)) || causes.into_iter().any(|cause| holds(any_end(cause)(view)))
}

fn duplicates(view: &ServiceView) -> Told {
    let count = view.reconciliation()?.duplicates;
    Ok(if count == 0 { Vec::new() } else { vec![format!("{count} requests have more than one effect")] })
}

/// Whether any instance's rows are in such a state.
fn any_rows(wanted: fn(&State) -> bool) -> impl Fn(&ServiceView) -> Told {
    move |view| {
        let (seen, instances) = (view.reconciliation()?, view.instances()?);
        any(instances.iter().map(|instance| match Rows::new(*instance, &instances, seen).state() {
            State::Untold(why) => Err(why),
            state if !wanted(&state) => Ok(Vec::new()),
            State::Lost(lines) | State::Stalled(lines) | State::Stuck(lines) => Ok(lines),
            State::Fine => Ok(Vec::new()),
        }))
    }
}

/// Whether any instance ended by this cause with work in its memory.
fn any_end(cause: Cause) -> impl Fn(&ServiceView) -> Told {
    move |view| any(view.instances()?.iter().map(|instance| busy_ends(instance, cause)))
}

fn busy_ends(instance: &Instance<'_>, cause: Cause) -> Told {
    let mut ends = instance.ended_runs().filter(|(run, _)| run.cause() == Some(cause)).peekable();
    if ends.peek().is_none() && instance.runs().is_none() {
        return Err(format!("{}: whether it runs is not known", instance.name));
    }
    let is_unseen = || instance.ended_runs().any(|(run, _)| run.is_unseen());
    if ends.peek().is_none() && cause == Cause::Orderly && is_unseen() {
        return Err(format!("{}: it had ended before it was looked at; how is not known", instance.name));
    }
    let mut evidence = Vec::new();
    for (run, end) in ends {
        evidence.extend(busy_end(run, end, cause).map_err(|why| format!("{}: {why}", instance.name))?);
    }
    Ok(evidence.into_iter().map(|line| format!("{}: {line}", instance.name)).collect())
}

/// Work whose intent is kept until it is done is not lost by the end of who does it.
fn busy_end(run: &Run, end: End, cause: Cause) -> Told {
    let works = if cause == Cause::Orderly { run.left_behind() } else { run.in_memory()? };
    match run.keeps {
        _ if works.is_empty() => return Ok(works),
        Some(Keeps::UntilDone) => return Ok(Vec::new()),
        Some(Keeps::UntilClaimed | Keeps::InMemory) => {}
        None => return Err("it ended with work in flight; whether that is kept durably is not known".into()),
    }
    let word = match run.last_word() {
        _ if cause == Cause::Orderly => None,
        Some(line) => Some(format!("its last word: {line}")),
        None => Some("it said nothing of a shutdown".into()),
    };
    Ok([exit_line(end)].into_iter().chain(works).chain(word).collect())
}
