//! Stale reads: what a node still serves that the others have left behind.

use crate::{
    History, Operation, Outcome,
    sources::{Source, Sources},
};

/// A node during a part of the run, such as while it was in a minority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// The node.
    pub node: String,
    /// From this moment on.
    pub from: u64,
    /// To this one, itself included.
    pub to: u64,
}

impl Interval {
    /// Whether the operation was asked of that node, and began in that time.
    fn holds(&self, operation: &Operation) -> bool {
        operation.node == self.node && (self.from..=self.to).contains(&operation.from)
    }
}

/// A read that returned less than what had been acknowledged before it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The read.
    pub read: Operation,
    /// The newest write of the key that had been acknowledged by then.
    pub missed: Operation,
}

/// The stale reads that began in the intervals, in the order of their begin; without intervals
/// those of all nodes at any time.
///
/// A read is stale if a write had been acknowledged before the read began, and the write of what
/// was read had ended before that one began. What nobody wrote, or was written twice, is left
/// out: it has no age.
pub fn stale_reads(history: &History, during: Option<&[Interval]>) -> Vec<Stale> {
    let is_asked =
        |operation: &Operation| during.is_none_or(|all| all.iter().any(|interval| interval.holds(operation)));
    let mut stale = Vec::new();
    for (key, operations) in history.by_key() {
        let sources = Sources::of(key, &operations);
        if sources.repeated.is_some() {
            continue;
        }
        let newest = Newest::of(&operations);
        for &read in operations.iter().filter(|operation| is_asked(operation)) {
            let Some(Ok(source)) = read.saw().map(|value| sources.find(value, read)) else { continue };
            let Some(missed) = newest.before(read.from) else { continue };
            let is_stale = match source {
                Source::Nothing => true,
                Source::Write(write) => write.precedes(missed),
            };
            if is_stale {
                stale.push(Stale { read: read.clone(), missed: missed.clone() });
            }
        }
    }
    stale.sort_by_key(|stale| (stale.read.from, stale.read.to, stale.read.client));
    stale
}

/// For each moment the newest of the writes that had been acknowledged by then.
struct Newest<'h>(Vec<(u64, &'h Operation)>);

impl<'h> Newest<'h> {
    fn of(operations: &[&'h Operation]) -> Self {
        let is_write = |operation: &&Operation| operation.outcome == Outcome::Ok && operation.writes().is_some();
        let mut writes: Vec<_> = operations.iter().copied().filter(is_write).collect();
        writes.sort_by_key(|write| write.to);
        let newest = writes.into_iter().scan(None::<&Operation>, |newest, write| {
            let next = newest.filter(|newest| newest.from > write.from).unwrap_or(write);
            *newest = Some(next);
            Some((write.to, next))
        });
        Self(newest.collect())
    }

    fn before(&self, moment: u64) -> Option<&'h Operation> {
        let count = self.0.partition_point(|(to, _)| *to < moment);
        Some(self.0.get(count.checked_sub(1)?)?.1)
    }
}
