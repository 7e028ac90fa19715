//! The definitions, word for word and in no hurry.

use std::collections::BTreeMap;

use reenact_history::{Action, History, Operation, Outcome};

/// Whether some order of all keys' operations gives what was read: all are tried.
pub fn has_order(history: &History) -> bool {
    let left: Vec<_> = history.operations().iter().filter(|operation| operation.outcome != Outcome::Failed).collect();
    follows(&left, &BTreeMap::new())
}

fn follows<'h>(left: &[&'h Operation], held: &BTreeMap<&'h str, u64>) -> bool {
    let is_certain = |operation: &&Operation| operation.outcome == Outcome::Ok;
    if !left.iter().any(is_certain) {
        return true;
    }
    left.iter().enumerate().any(|(at, operation)| {
        if left.iter().filter(|other| is_certain(other)).any(|other| other.to < operation.from) {
            return false;
        }
        let now = held.get(&*operation.key).copied();
        let mut after = held.clone();
        let is_possible = match operation.action {
            Action::Read(value) => !is_certain(operation) || value == now,
            Action::Write(value) => {
                after.insert(&operation.key, value);
                true
            }
            Action::Swap { expected, new } => {
                after.insert(&operation.key, new);
                expected == now
            }
        };
        let mut rest = left.to_vec();
        rest.remove(at);
        is_possible && follows(&rest, &after)
    })
}

fn wrote(operation: &Operation) -> Option<u64> {
    match operation.action {
        Action::Write(value) | Action::Swap { new: value, .. } => Some(value),
        Action::Read(_) => None,
    }
}

fn saw(operation: &Operation) -> Option<Option<u64>> {
    match operation.action {
        Action::Read(value) | Action::Swap { expected: value, .. } if operation.outcome == Outcome::Ok => Some(value),
        _ => None,
    }
}

/// The write that a value comes from, if any that may have taken effect wrote it.
fn source(all: &[Operation], key: &str, value: u64) -> Option<usize> {
    all.iter().position(|of| of.key == key && of.outcome != Outcome::Failed && wrote(of) == Some(value))
}

/// Whether every value that was read was written.
fn is_of_somebody(history: &History) -> bool {
    let all = history.operations();
    let read = all.iter().filter_map(|reader| Some((reader, saw(reader)??)));
    read.into_iter().all(|(reader, value)| source(all, &reader.key, value).is_some())
}

/// The order of a session: the draws are in it already.
fn before_in_session(all: &[Operation], at: usize) -> impl Iterator<Item = &Operation> {
    all[..at].iter().filter(move |of| of.client == all[at].client && of.outcome == Outcome::Ok && of.key == all[at].key)
}

/// Whether what was read is older than a write.
fn is_older(all: &[Operation], key: &str, read: Option<u64>, than: &Operation) -> bool {
    read.is_none_or(|value| {
        source(all, key, value).is_some_and(|at| all[at].outcome == Outcome::Ok && all[at].to < than.from)
    })
}

/// Whether each client reads what it wrote, or something that is not older.
pub fn reads_own_writes(history: &History) -> bool {
    let all = history.operations();
    let mut readers = all.iter().enumerate().filter_map(|(at, reader)| Some((at, saw(reader)?)));
    is_of_somebody(history)
        && readers.all(|(at, value)| {
            let mut own = before_in_session(all, at).filter(|own| wrote(own).is_some());
            !own.any(|own| is_older(all, &all[at].key, value, own))
        })
}

/// Whether no client reads something older than before.
pub fn reads_on(history: &History) -> bool {
    let all = history.operations();
    let mut readers = all.iter().enumerate().filter_map(|(at, reader)| Some((at, saw(reader)?)));
    is_of_somebody(history)
        && readers.all(|(at, value)| {
            let seen = before_in_session(all, at).filter_map(|before| source(all, &before.key, saw(before)??));
            !seen.into_iter().any(|seen| is_older(all, &all[at].key, value, &all[seen]))
        })
}

/// How many reads returned less than had been acknowledged before they began.
pub fn stale(history: &History) -> usize {
    let all = history.operations();
    let is_stale = |reader: &&Operation| {
        let Some(value) = saw(reader) else { return false };
        let known = value.is_none_or(|value| source(all, &reader.key, value).is_some());
        let mut missed =
            all.iter().filter(|of| of.key == reader.key && of.outcome == Outcome::Ok && wrote(of).is_some());
        known && missed.any(|missed| missed.to < reader.from && is_older(all, &reader.key, value, missed))
    };
    all.iter().filter(is_stale).count()
}

/// Whether the history is causally consistent by its definition (CC): for each operation there is
/// an order of all it depends on, in which what it read was written last. Dependence is the
/// smallest there can be.
pub fn is_causal(history: &History) -> bool {
    let all = history.operations();
    if !is_of_somebody(history) {
        return false;
    }
    let count = all.len();
    let mut depends = vec![vec![false; count]; count];
    for (at, operation) in all.iter().enumerate() {
        for before in 0..at {
            depends[at][before] = all[before].client == operation.client && all[before].outcome == Outcome::Ok;
        }
        if let Some(write) = saw(operation).flatten().and_then(|value| source(all, &operation.key, value)) {
            depends[at][write] = true;
        }
    }
    for by in 0..count {
        for at in 0..count {
            for on in 0..count {
                depends[at][on] |= depends[at][by] && depends[by][on];
            }
        }
    }
    let acyclic = (0..count).all(|at| !depends[at][at]);
    acyclic
        && all.iter().enumerate().all(|(at, operation)| {
            saw(operation).is_none_or(|value| {
                let past: Vec<_> = (0..count).filter(|&on| depends[at][on]).collect();
                is_last(all, &depends, &past, &operation.key, None, value)
            })
        })
}

/// Whether the operations that are left can be ordered so that the key holds that value at last.
fn is_last(
    all: &[Operation],
    depends: &[Vec<bool>],
    left: &[usize],
    key: &str,
    held: Option<u64>,
    value: Option<u64>,
) -> bool {
    if left.is_empty() {
        return held == value;
    }
    left.iter().any(|&next| {
        let rest: Vec<_> = left.iter().copied().filter(|&other| other != next).collect();
        let is_first = !rest.iter().any(|&other| depends[next][other]);
        let held = if all[next].key == key { wrote(&all[next]).or(held) } else { held };
        is_first && is_last(all, depends, &rest, key, held, value)
    })
}
