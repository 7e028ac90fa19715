//! The marks of the report and of the measured variants. The report has no log lines: its
//! marks are the order of events.

use reenact::{
    fingerprint::{Fingerprint, latest},
    probe::{Answer, Observation, Signal},
};

use super::stories::LEAVER;

/// The report: an orderly end, with work in memory.
pub(super) const SCALED_IN: &[Fingerprint] = &[BEGINS_BUSY, WAITS_FOR_REQUESTS_ONLY, ORDERLY_END, FLAG_NOT_UPDATED];
/// A drain that does not get done within its own limit.
pub(super) const DRAIN_TIMED_OUT: &[Fingerprint] = &[BEGINS_BUSY, TIMED_OUT, ORDERLY_END, FLAG_NOT_UPDATED];
/// A drain that is cut short by SIGKILL.
pub(super) const KILLED_IN_ITS_DRAIN: &[Fingerprint] = &[BEGINS_BUSY, KILLED, FLAG_NOT_UPDATED];
/// A service that never hears of its end.
pub(super) const KILLED_UNWARNED: &[Fingerprint] = &[KILLED, SAYS_NOTHING, FLAG_NOT_UPDATED];
/// The same at the kernel's hands.
pub(super) const OUT_OF_MEMORY: &[Fingerprint] = &[KILLED, OOM_KILLED, SAYS_NOTHING, FLAG_NOT_UPDATED];

const BEGINS_BUSY: Fingerprint = Fingerprint {
    id: "shutdown-right-after-the-answer",
    report: "after the response the server begins to shut down; the asynchronous logic is under way",
    shows: |seen| said_busy(seen, "graceful shutdown begins, bg_inflight="),
};

const WAITS_FOR_REQUESTS_ONLY: Fingerprint = Fingerprint {
    id: "shutdown-waits-for-requests-only",
    report: "graceful shutdown: the requests that were received are answered, then the server ends",
    shows: |seen| said_busy(seen, "graceful shutdown complete (requests), bg_inflight="),
};

const TIMED_OUT: Fingerprint = Fingerprint {
    id: "drain-timed-out",
    report: "tracker, work 40 s, drain 25 s: 204 lost, logs \"timed out\"",
    shows: |seen| said_busy(seen, "drain timed out after "),
};

const ORDERLY_END: Fingerprint = Fingerprint {
    id: "orderly-end",
    report: "the pod ends within its 30 s of grace",
    shows: |seen| matches!(exit_code(seen), Some(0 | 143)),
};

const KILLED: Fingerprint =
    Fingerprint { id: "exit-code-137", report: "SIGKILL: exit 137", shows: |seen| exit_code(seen) == Some(137) };

const OOM_KILLED: Fingerprint = Fingerprint {
    id: "oom-killed",
    report: "137 by OOM (check OOMKilled)",
    shows: |seen| {
        let killed = latest(seen, |signal| match signal {
            Signal::Machine { oom_killed, .. } => Some(*oom_killed),
            _ => None,
        });
        killed.get(LEAVER) == Some(&true)
    },
};

const SAYS_NOTHING: Fingerprint = Fingerprint {
    id: "no-word-of-a-shutdown",
    report: "SIGTERM never arrives",
    shows: |seen| exit_code(seen).is_some() && said(seen, "graceful shutdown").next().is_none(),
};

const FLAG_NOT_UPDATED: Fingerprint = Fingerprint {
    id: "flag-not-updated",
    report: "one flag in the table differs from what was expected, and the request was answered normally",
    shows: |seen| {
        let overdue = latest(seen, |signal| match signal {
            Signal::Query { of, answer: Answer::Values { values } } if of == "sql:reconcile" => {
                Some(values.get("app1.overdue").is_some_and(|count| count != "0"))
            }
            _ => None,
        });
        overdue.values().any(|overdue| *overdue)
    },
};

/// The lines of the replica that went that hold these words.
fn said<'a>(seen: &'a [Observation], words: &'a str) -> impl Iterator<Item = &'a Observation> {
    seen.iter().filter(move |o| o.node == LEAVER && o.is_log_with(&[words]))
}

/// Whether the replica that went said this, with work in flight.
fn said_busy(seen: &[Observation], words: &str) -> bool {
    said(seen, words).any(|o| !o.is_log_with(&["bg_inflight=0 "]))
}

/// The exit code of the replica that went.
fn exit_code(seen: &[Observation]) -> Option<i64> {
    let codes = latest(seen, |signal| match signal {
        Signal::Machine { exit_code, .. } => Some(*exit_code),
        _ => None,
    });
    codes.get(LEAVER).copied().flatten()
}
