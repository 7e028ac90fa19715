//! What each client may rely on in its own session (Terry and others, "Session guarantees for
//! weakly consistent replicated data", 1994).
//!
//! One value is *older* than another if its write had ended before the other's began: a store
//! that takes its writes one after the other, by a quorum or a total order, keeps them so. The
//! nothing that a key holds at first is older than all.

use std::collections::HashMap;

use crate::{
    History, Kind, Operation, Outcome, Verdict, Violation,
    sources::{Source, Sources},
};

/// Whether no client read a value older than the one that it had written itself.
pub fn read_your_writes(history: &History) -> Verdict {
    check(history, Kind::NotOwnWrite, |operation, _| {
        let is_own = operation.outcome == Outcome::Ok && operation.writes().is_some();
        is_own.then_some(operation)
    })
}

/// Whether no client read a value older than one that it had read before.
pub fn monotonic_reads(history: &History) -> Verdict {
    check(history, Kind::NotMonotonic, |_, read| match read {
        Some(Source::Write(write)) => Some(write),
        Some(Source::Nothing) | None => None,
    })
}

/// Holds each read against the newest write that its client knows of that key; `learns` tells
/// what write a client knows of after an operation.
fn check(
    history: &History,
    kind: Kind,
    learns: for<'h> fn(&'h Operation, Option<Source<'h>>) -> Option<&'h Operation>,
) -> Verdict {
    let keys = history.by_key();
    let sources: HashMap<_, _> = keys.iter().map(|(&key, operations)| (key, Sources::of(key, operations))).collect();
    if let Some(why) = sources.values().filter_map(Sources::ambiguous).min() {
        return Verdict::Unknown { why };
    }
    let mut violations = Vec::new();
    for session in history.sessions().into_values() {
        let mut known: HashMap<&str, &Operation> = HashMap::new();
        for operation in session.into_iter().map(|at| &history.operations()[at]) {
            let source = match operation.saw().map(|value| sources[&*operation.key].find(value, operation)) {
                Some(Ok(source)) => Some(source),
                None => None,
                Some(Err(violation)) => {
                    violations.push(violation);
                    continue;
                }
            };
            if let Some((source, newest)) = source.zip(known.get(&*operation.key)) {
                violations.extend(older(kind, source, newest, operation));
            }
            let learned = learns(operation, source);
            let is_newer = |known: &&Operation| learned.is_some_and(|learned| learned.from > known.from);
            if let Some(learned) = learned
                && known.get(&*operation.key).is_none_or(is_newer)
            {
                known.insert(&operation.key, learned);
            }
        }
    }
    Verdict::of(violations, None)
}

/// The violation, if what was read is older than the write that its reader knows of.
fn older(kind: Kind, source: Source<'_>, newest: &Operation, reader: &Operation) -> Option<Violation> {
    let (old, why) = match source {
        Source::Nothing => (None, "the key held nothing before its first write".into()),
        Source::Write(write) if write.precedes(newest) => {
            (Some(write), format!("\"{write}\" had ended before \"{newest}\" began, so what was read is the older one"))
        }
        Source::Write(_) => return None,
    };
    let knew = format!("client {} knew of \"{newest}\" when it began to read", reader.client);
    Some(Violation::new(kind, &reader.key, old.into_iter().chain([newest, reader]), [knew, why]))
}
