//! Constants, pinned from both sides: by looks that stay the same.

use super::{World, said, seen};
use crate::probe::{Observation, Signal};

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

/// Asserts that `id` fires when what `make` makes of the world has been seen, unchanged, for
/// `hold` milliseconds, and not before. `make` lets the time pass that all probes need to see
/// it; lines that are logged meanwhile come first.
#[track_caller]
pub fn assert_hold<W: World>(world: W, make: impl FnOnce(&mut W), id: &str, hold: u64) {
    let (mut stream, looks, from) = changed(world, make);
    stream.extend(held(&looks, from, from + 2 * hold + 100));
    let said = said(&stream, id);
    assert_eq!(said.first(id), Some(from + hold), "{id} is watched from {from} on: {said:#?}");
}

/// Asserts that `id`, which fires by what `make` makes of the world, still does when what
/// `drop` names was last seen `limit` milliseconds ago, and not any more 100 ms later.
#[track_caller]
pub fn assert_fresh<W: World>(
    world: W,
    make: impl FnOnce(&mut W),
    drop: impl Fn(&Signal) -> bool,
    id: &str,
    limit: u64,
) {
    let (mut stream, looks, from) = changed(world, make);
    let (renewed, until) = (without(&looks, drop), from + 40_000);
    assert!(renewed.len() < looks.len(), "no look is dropped");
    stream.extend(held(&looks, from, until));
    stream.extend(held(&renewed, until + 100, until + limit));
    let fires = |stream: &[Observation]| said(stream, id).firing() == [id];
    assert!(fires(&stream), "{id} forgets sooner: {:#?}", said(&stream, id));
    stream.extend(held(&renewed, until + limit + 100, until + limit + 100));
    assert!(!fires(&stream), "{id} believes longer: {:#?}", said(&stream, id));
}

/// What was seen of the world and of its change, what a look sees of that, and from when on.
fn changed<W: World>(mut world: W, make: impl FnOnce(&mut W)) -> (Vec<Observation>, Vec<Look>, u64) {
    let (mut stream, begin) = (world.stream(), world.now);
    make(&mut world);
    let from = begin + 100;
    let is_line = |seen: &Observation| matches!(seen.signal, Signal::Log { .. } | Signal::Kernel { .. });
    let after = world.stream();
    let lines = after.iter().filter(|seen| seen.at.0 > begin && is_line(seen));
    stream.extend(lines.map(|line| seen(from, &line.node, line.signal.clone())));
    (stream, last_look(&after), from)
}
