//! The search for an order, where whose write a read saw is not known: Wing and Gong's, which
//! never looks twice at the same operations done with the same value held (Lowe, "Testing for
//! linearizability", 2017).

use std::{collections::HashSet, time::Instant};

use crate::{Action, Kind, Operation, Outcome, Violation};

/// The most states that are remembered, of some 200 bytes each.
const MOST: usize = 2_000_000;

/// What came of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Order,
    NoOrder,
    OutOfTime,
    TooLarge,
}

/// How far an order has come.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
struct State {
    /// What the key holds.
    holds: Option<u64>,
    /// All that are certain are done up to here, in the order of their begin.
    done: usize,
    /// Those done beyond that, sorted.
    beyond: Vec<usize>,
    /// The uncertain ones that are done, sorted.
    happened: Vec<usize>,
}

/// One key's operations.
struct Search<'h> {
    /// Those that took effect, by their begin.
    certain: Vec<&'h Operation>,
    /// The writes that may have taken effect.
    uncertain: Vec<&'h Operation>,
}

/// Searches for an order of the operations of one key that gives what was read.
pub(super) fn search(operations: &[&Operation], deadline: Instant) -> Found {
    let search = Search::of(operations);
    let mut seen = HashSet::new();
    let mut open = vec![State::default()];
    while let Some(mut state) = open.pop() {
        search.read_what_is_held(&mut state);
        if state.done == search.certain.len() {
            return Found::Order;
        }
        if seen.len() % 256 == 0 && Instant::now() >= deadline {
            return Found::OutOfTime;
        }
        if seen.len() >= MOST {
            return Found::TooLarge;
        }
        if !seen.contains(&state) {
            search.follow(&state, &mut open);
            seen.insert(state);
        }
    }
    Found::NoOrder
}

impl<'h> Search<'h> {
    fn of(operations: &[&'h Operation]) -> Self {
        let mut certain: Vec<_> = operations.iter().copied().filter(|of| of.outcome == Outcome::Ok).collect();
        certain.sort_by_key(|operation| operation.from);
        // A value that nobody wants to find need not have been written.
        let wanted: HashSet<_> = operations.iter().filter_map(|operation| needs(operation)).collect();
        let uncertain = operations.iter().copied().filter(|operation| {
            operation.outcome == Outcome::Unknown
                && operation.writes().is_some_and(|value| wanted.contains(&Some(value)))
        });
        Self { uncertain: uncertain.collect(), certain }
    }

    /// The certain operations that may come next, and the moment by which the first of all that
    /// are left has ended: what began by then may come next.
    fn next(&self, state: &State) -> (Vec<usize>, u64) {
        let (mut next, mut bound) = (Vec::new(), u64::MAX);
        for (at, operation) in self.certain.iter().enumerate().skip(state.done) {
            if operation.from > bound {
                break;
            }
            if state.beyond.binary_search(&at).is_err() {
                bound = bound.min(operation.to);
                next.push(at);
            }
        }
        (next, bound)
    }

    /// A read of what is held changes nothing, so to let it come first forbids nothing.
    fn read_what_is_held(&self, state: &mut State) {
        loop {
            let (next, _) = self.next(state);
            let fits = |at: &&usize| self.certain[**at].action == Action::Read(state.holds);
            let reads: Vec<_> = next.iter().filter(fits).copied().collect();
            if reads.is_empty() {
                return;
            }
            reads.into_iter().for_each(|at| state.does(at));
        }
    }

    /// Each state that may come after this one; the operation that ended first is tried first.
    fn follow(&self, state: &State, open: &mut Vec<State>) {
        let (mut next, bound) = self.next(state);
        for (at, operation) in self.uncertain.iter().enumerate() {
            let Err(place) = state.happened.binary_search(&at) else { continue };
            if operation.from <= bound && fits(operation, state.holds) {
                let mut after = State { holds: operation.writes(), ..state.clone() };
                after.happened.insert(place, at);
                open.push(after);
            }
        }
        next.sort_by_key(|&at| std::cmp::Reverse(self.certain[at].to));
        for at in next {
            let operation = self.certain[at];
            if operation.writes().is_some() && fits(operation, state.holds) {
                let mut after = State { holds: operation.writes(), ..state.clone() };
                after.does(at);
                open.push(after);
            }
        }
    }
}

impl State {
    fn does(&mut self, at: usize) {
        if let Err(place) = self.beyond.binary_search(&at) {
            self.beyond.insert(place, at);
        }
        let ahead = self.beyond.iter().zip(self.done..).take_while(|(at, next)| **at == *next).count();
        self.beyond.drain(..ahead);
        self.done += ahead;
    }
}

/// What an operation must find, if anything, to take effect.
fn needs(operation: &Operation) -> Option<Option<u64>> {
    match (operation.action, operation.outcome) {
        (_, Outcome::Failed) | (Action::Write(_), _) | (Action::Read(_), Outcome::Unknown) => None,
        (Action::Read(value) | Action::Swap { expected: value, .. }, _) => Some(value),
    }
}

fn fits(operation: &Operation, held: Option<u64>) -> bool {
    needs(operation).is_none_or(|value| value == held)
}

/// As few of the operations as can be found in time for which there is no order either.
pub(super) fn explain(key: &str, operations: &[&Operation], deadline: Instant) -> Violation {
    let mut kept: Vec<&Operation> =
        operations.iter().copied().filter(|operation| operation.outcome != Outcome::Failed).collect();
    kept.sort_by_key(|operation| operation.from);
    let mut size = kept.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < kept.len() {
            let end = kept.len().min(at + size);
            let fewer = closed(&kept, at..end);
            if fewer.len() < kept.len() && search(&fewer, deadline) == Found::NoOrder {
                kept = fewer;
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    Violation::new(Kind::NoOrder, key, kept, ["no order of these gives what was read".into()])
}

/// The operations without those in a range, but with every write of what the others need to
/// find: without these there would be no order for another reason.
fn closed<'h>(all: &[&'h Operation], without: std::ops::Range<usize>) -> Vec<&'h Operation> {
    let mut is_kept: Vec<_> = (0..all.len()).map(|at| !without.contains(&at)).collect();
    loop {
        let kept = all.iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
        let needed: HashSet<_> = kept.filter_map(|(operation, _)| needs(operation)).collect();
        let back = |at: &usize| !is_kept[*at] && all[*at].writes().is_some_and(|value| needed.contains(&Some(value)));
        let back: Vec<_> = without.clone().filter(back).collect();
        if back.is_empty() {
            return all.iter().zip(is_kept).filter(|(_, is_kept)| *is_kept).map(|(operation, _)| *operation).collect();
        }
        back.into_iter().for_each(|at| is_kept[at] = true);
    }
}
