//! Linearizability: every operation seems to take effect at one moment between its begin and
//! its end, in one order for all clients.
//!
//! It is checked key by key, which loses nothing: a history is linearizable if and only if that
//! of each key is (Herlihy and Wing, "Linearizability", 1990, theorem 1).

mod search;
mod zones;

use std::time::{Duration, Instant};

use crate::{Action, History, Operation, Outcome, Verdict, Violation, sources::Sources};
use search::Found;

/// Whether a linearizable store can have answered so; a violation for each key where it cannot.
///
/// Where no value is written twice to a key, and nothing is swapped, it takes O(n log n). All
/// else is a search, which is [`Verdict::Unknown`] where it has not ended after `limit`, for all
/// keys together. Moments alone tell what came before what: a client's operations that touch in
/// time may be in either order.
pub fn linearizable(history: &History, limit: Duration) -> Verdict {
    let deadline = Instant::now() + limit;
    let (mut violations, mut unknown) = (Vec::new(), None);
    for (key, operations) in history.by_key() {
        match of_key(key, &operations, deadline) {
            Ok(None) => {}
            Ok(Some(violation)) => violations.push(violation),
            Err(why) => unknown = unknown.or(Some(why)),
        }
    }
    Verdict::of(violations, unknown)
}

fn of_key(key: &str, operations: &[&Operation], deadline: Instant) -> Result<Option<Violation>, String> {
    let sources = Sources::of(key, operations);
    if sources.repeated.is_none() && !operations.iter().any(|operation| swaps(operation)) {
        return Ok(zones::check(key, operations, &sources));
    }
    // What no order can give is told in better words than those of a search.
    for reader in operations {
        if let Some(Err(violation)) = reader.saw().map(|value| sources.find(value, reader)) {
            return Ok(Some(violation));
        }
    }
    match search::search(operations, deadline) {
        Found::Order => Ok(None),
        Found::NoOrder => Ok(Some(search::explain(key, operations, deadline))),
        Found::OutOfTime => Err(format!("key {key:?}: the time ran out in the search for an order")),
        Found::TooLarge => Err(format!("key {key:?}: the search for an order grew beyond its bounds")),
    }
}

fn swaps(operation: &Operation) -> bool {
    matches!(operation.action, Action::Swap { .. }) && operation.outcome != Outcome::Failed
}
