//! Constants, pinned from both sides: by looks that stay the same.

use super::{Said, said, seen};
use crate::{
    detect::Verdict,
    probe::{Observation, Signal},
};

/// What one look at a node sees.
pub type Look = (String, Signal);

/// The last of each signal of each node in a stream, but for lines of logs: what one look at
/// everything sees.
pub fn last_look(stream: &[Observation]) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    for seen in stream {
        let is_same = |(node, signal): &&mut Look| *node == seen.node && is_of_one_kind(signal, &seen.signal);
        match looks.iter_mut().find(is_same) {
            Some((_, last)) => last.clone_from(&seen.signal),
            None if matches!(seen.signal, Signal::Log { .. } | Signal::Kernel { .. }) => {}
            None => looks.push((seen.node.clone(), seen.signal.clone())),
        }
    }
    looks
}

fn is_of_one_kind(one: &Signal, other: &Signal) -> bool {
    match (one, other) {
        (Signal::Query { of: one, .. }, Signal::Query { of: other, .. }) => one == other,
        (Signal::File { path: one, .. }, Signal::File { path: other, .. }) => one == other,
        (Signal::Port { port: one, .. }, Signal::Port { port: other, .. }) => one == other,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// The looks without the signals that `drop` names.
pub fn without(looks: &[Look], drop: impl Fn(&Signal) -> bool) -> Vec<Look> {
    looks.iter().filter(|(_, signal)| !drop(signal)).cloned().collect()
}

/// The same looks every 100 ms, from one moment to another.
pub fn held(looks: &[Look], from: u64, to: u64) -> Vec<Observation> {
    let at = |at: u64| looks.iter().map(move |(node, signal)| seen(at, node, signal.clone()));
    (from..=to).step_by(100).flat_map(at).collect()
}

/// Asserts that the looks make `id` fire when they have stayed the same for `hold`
/// milliseconds, and not before.
#[track_caller]
pub fn assert_hold(looks: &[Look], id: &str, hold: u64) {
    let said = told(held(looks, 0, 2 * hold + 100), id);
    assert_eq!(said.first(id), Some(hold), "{id}: {said:#?}");
}

/// Asserts that `id`, which fires by these looks, still does when what `drop` names was last
/// seen `limit` milliseconds ago, and not any more when that was 100 ms earlier still.
#[track_caller]
pub fn assert_fresh(looks: &[Look], drop: impl Fn(&Signal) -> bool, id: &str, limit: u64) {
    let warm = limit + 20_000;
    let renewed = without(looks, drop);
    assert!(renewed.len() < looks.len(), "no look is to be dropped");
    for (more, fires) in [(0, true), (100, false)] {
        let mut stream = held(looks, 0, warm);
        stream.extend(held(&renewed, warm + 100, warm + limit + more));
        let said = told(stream, id);
        assert_eq!(matches!(said.last[id], Verdict::Fired { .. }), fires, "{id} at {limit} ms + {more}: {said:#?}");
    }
}

fn told(stream: Vec<Observation>, id: &str) -> Said {
    said(&stream, id)
}
