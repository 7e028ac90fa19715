//! Of a key to which each value is written once, whose write each read saw is known. All
//! operations of a value then stand together in any order, so that only the order of the values
//! has to be found.
//!
//! Value `a` must come before `b` if any operation of `a` ended before any of `b` began. With the
//! first end and the last begin of each value that is `a.first < b.last`, and there is an order
//! if and only if no two values must each come before the other. Values whose first end lies
//! before their last begin cover that *zone* of time alone: no two of these may overlap, and no
//! other value may lie inside one. (Gibbons and Korach, "Testing shared memories", 1997; Anderson
//! and others, "What consistency does your key-value store actually provide?", 2010.)

use std::collections::HashMap;

use crate::{
    Kind, Operation, Outcome, Violation,
    sources::{Source, Sources},
};

/// The operations of one value.
#[derive(Debug, Clone, Copy, Default)]
struct Value<'h> {
    /// Its write; none of the nothing that the key holds at first.
    write: Option<&'h Operation>,
    /// The operation that ended first; of the nothing that the key holds at first none, for that
    /// was there before all.
    ended: Option<&'h Operation>,
    /// The operation that began last.
    began: Option<&'h Operation>,
}

impl<'h> Value<'h> {
    /// `None` is before every moment.
    fn first(&self) -> Option<u64> {
        self.ended.map(|operation| operation.to)
    }

    fn last(&self) -> Option<u64> {
        self.began.map(|operation| operation.from)
    }

    fn must_precede(&self, other: &Self) -> bool {
        self.first() < other.last()
    }

    /// Whether it alone must have been there for a while.
    fn is_zone(&self) -> bool {
        self.first() < self.last()
    }

    /// When the client of an unknown write gave up says nothing of the write's own end.
    fn add(&mut self, operation: &'h Operation, ends: bool) {
        if ends && self.ended.is_none_or(|first| operation.to < first.to) {
            self.ended = Some(operation);
        }
        if self.began.is_none_or(|last| operation.from > last.from) {
            self.began = Some(operation);
        }
    }
}

/// The violation, if there is one, of a key whose values are all written once and never swapped.
pub(super) fn check(key: &str, operations: &[&Operation], sources: &Sources<'_>) -> Option<Violation> {
    let values = match values(key, operations, sources) {
        Ok(values) => values,
        Err(violation) => return Some(violation),
    };
    let (zones, rest): (Vec<_>, Vec<_>) = values.into_iter().partition(Value::is_zone);
    if let Some(pair) = zones.windows(2).find(|pair| pair[1].must_precede(&pair[0])) {
        return Some(conflict(key, pair[0], pair[1]));
    }
    // Zones do not overlap: of those that begin before a value ends, the last one ends last.
    let within = |value: &Value<'_>| {
        let before = zones.partition_point(|zone| zone.must_precede(value));
        let zone = zones[..before].last()?;
        value.must_precede(zone).then(|| conflict(key, *zone, *value))
    };
    rest.iter().find_map(within)
}

/// All values, by their first end.
fn values<'h>(key: &str, operations: &[&'h Operation], sources: &Sources<'h>) -> Result<Vec<Value<'h>>, Violation> {
    let mut nothing = Value::default();
    let mut written: HashMap<u64, Value<'h>> = HashMap::new();
    for &reader in operations {
        let Some(value) = reader.saw() else { continue };
        match (sources.find(value, reader)?, value) {
            (Source::Write(write), _) if reader.precedes(write) => return Err(from_future(key, reader, write)),
            (Source::Write(write), Some(value)) => {
                let of = written.entry(value).or_default();
                of.write = Some(write);
                of.add(reader, true);
            }
            _ => nothing.add(reader, false),
        }
    }
    for &write in operations {
        let Some(value) = write.writes() else { continue };
        let is_done = write.outcome == Outcome::Ok;
        // An unknown write that nobody read may never have happened, and a failed one did not.
        if is_done || written.get(&value).is_some_and(|of| of.write == Some(write)) {
            let of = written.entry(value).or_default();
            of.write = Some(write);
            of.add(write, is_done);
        }
    }
    let mut values: Vec<_> = written.into_values().chain([nothing]).collect();
    values.sort_by_key(|value| (value.first(), value.last()));
    Ok(values)
}

fn from_future(key: &str, reader: &Operation, write: &Operation) -> Violation {
    let why = format!("the read ended at {} ms, and the write began at {} ms", reader.to, write.from);
    Violation::new(Kind::FromFuture, key, [reader, write], [why])
}

/// Two values that must each come before the other.
fn conflict(key: &str, a: Value<'_>, b: Value<'_>) -> Violation {
    // What is plainly old is told so: its write had ended before the other's began.
    let overwritten = |old: &Value<'_>, new: &Value<'_>| match (old.write, new.write) {
        (Some(old), Some(new)) => old.precedes(new),
        (None, _) => true,
        (_, None) => false,
    };
    let (old, new) = if overwritten(&b, &a) { (b, a) } else { (a, b) };
    let is_stale = overwritten(&old, &new);
    let name = |value: &Value<'_>| value.write.and_then(Operation::writes).map_or("nothing".into(), |v| v.to_string());
    let (old_name, new_name) = (name(&old), name(&new));
    let mut told = Vec::new();
    let mut why = Vec::new();
    for (first, second, names) in [(&old, &new, (&old_name, &new_name)), (&new, &old, (&new_name, &old_name))] {
        let (earlier, later) = witnesses(first, second);
        told.extend(earlier.into_iter().chain(later));
        why.push(match (earlier, later) {
            (Some(earlier), Some(later)) => {
                format!("{} comes before {}: \"{}\" had ended before \"{}\" began", names.0, names.1, earlier, later)
            }
            _ => format!("{} comes before {}: the key held nothing at first", names.0, names.1),
        });
    }
    why.push("both cannot be".into());
    told.extend(old.write.into_iter().chain(new.write));
    Violation::new(if is_stale { Kind::Stale } else { Kind::SplitBrain }, key, told, why)
}

/// An operation of the one value that ended before one of the other began: the writes, if that
/// can be said of them.
fn witnesses<'h>(a: &Value<'h>, b: &Value<'h>) -> (Option<&'h Operation>, Option<&'h Operation>) {
    let precedes = |earlier: Option<&Operation>, later: Option<&Operation>| {
        earlier.is_none_or(|earlier| later.is_some_and(|later| earlier.precedes(later)))
    };
    let later = if precedes(a.ended, b.write) { b.write } else { b.began };
    let earlier = if a.write.is_some() && precedes(a.write, later) { a.write } else { a.ended };
    (earlier, later)
}
