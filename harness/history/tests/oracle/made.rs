//! Small histories, drawn by proptest: such as a store can have given, and such as it hardly can.

use std::collections::HashMap;

use proptest::prelude::*;
use reenact_history::{Action, History, Operation, Outcome};

/// How an operation is drawn.
#[derive(Debug, Clone)]
struct Draw {
    client: u32,
    key: u8,
    kind: u8,
    value: u64,
    /// Not zero: operations that touch in time are in either order, and those of a client in one.
    gap: u64,
    lasts: u64,
    outcome: Outcome,
    /// When it takes effect, between 0 and the end of what it may.
    point: u64,
}

fn draw() -> impl Strategy<Value = Draw> {
    let outcome = prop_oneof![6 => Just(Outcome::Ok), 1 => Just(Outcome::Failed), 2 => Just(Outcome::Unknown)];
    (0..3_u32, 0..4_u8, 0..10_u8, 0..5_u64, 1..3_u64, 0..5_u64, outcome, 0..8_u64).prop_map(
        |(client, key, kind, value, gap, lasts, outcome, point)| Draw {
            client,
            key: key / 3,
            kind,
            value,
            gap,
            lasts,
            outcome,
            point,
        },
    )
}

/// What a drawn history may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Each value is written once; nothing is swapped.
    Distinct,
    /// Values are written again, and swapped.
    Any,
}

fn operations(draws: &[Draw], values: Values) -> Vec<Operation> {
    let mut ends: HashMap<u32, u64> = HashMap::new();
    let made = draws.iter().zip(1..).map(|(draw, number)| {
        let from = ends.get(&draw.client).copied().unwrap_or(0) + draw.gap;
        let to = from + draw.lasts;
        ends.insert(draw.client, to);
        let written = if values == Values::Distinct { number } else { 1 + draw.value % 3 };
        let read = (draw.value > 0).then_some(1 + draw.value % 3 + draw.point % 4);
        let read = if values == Values::Distinct { read } else { read.map(|value| 1 + value % 3) };
        let action = match draw.kind {
            0..5 => Action::Read(read),
            8.. if values == Values::Any => Action::Swap { expected: read, new: written },
            _ => Action::Write(written),
        };
        let (client, key, outcome) = (draw.client, format!("k{}", draw.key), draw.outcome);
        Operation { client, node: format!("n{}", draw.point % 2), key, action, from, to, outcome }
    });
    made.collect()
}

/// Any history: most have no order.
pub fn drawn(values: Values, most: usize) -> impl Strategy<Value = History> {
    prop::collection::vec(draw(), 0..=most)
        .prop_map(move |draws| History::new(operations(&draws, values)).expect("a client does one thing at a time"))
}

/// Lets a store that has one value a key answer: each operation takes effect at a moment between
/// its begin and its end, an unknown one at any later moment, or never.
fn answered(draws: &[Draw], values: Values) -> Vec<Operation> {
    let mut operations = operations(draws, values);
    let mut moments: Vec<(u64, usize)> = Vec::new();
    for (at, (operation, draw)) in operations.iter().zip(draws).enumerate() {
        match operation.outcome {
            Outcome::Ok => moments.push((operation.from + draw.point % (draw.lasts + 1), at)),
            Outcome::Unknown if draw.point < 6 => moments.push((operation.from + draw.point, at)),
            Outcome::Unknown | Outcome::Failed => {}
        }
    }
    moments.sort_unstable();
    let mut held: HashMap<String, u64> = HashMap::new();
    for (_, at) in moments {
        let operation = &mut operations[at];
        let now = held.get(&operation.key).copied();
        match &mut operation.action {
            Action::Read(value) => *value = now,
            Action::Write(value) => _ = held.insert(operation.key.clone(), *value),
            Action::Swap { expected, new } => {
                *expected = now;
                held.insert(operation.key.clone(), *new);
            }
        }
    }
    operations
}

/// A history of a store that has one value a key.
pub fn valid(values: Values, most: usize) -> impl Strategy<Value = History> {
    prop::collection::vec(draw(), 0..=most)
        .prop_map(move |draws| History::new(answered(&draws, values)).expect("a client does one thing at a time"))
}

/// The same, in which one read returned something else.
pub fn mutated(values: Values, most: usize) -> impl Strategy<Value = History> {
    (prop::collection::vec(draw(), 1..=most), any::<prop::sample::Index>(), 0..6_u64).prop_map(
        move |(draws, pick, other)| {
            let mut operations = answered(&draws, values);
            let mut reads: Vec<_> =
                operations.iter_mut().filter(|operation| matches!(operation.action, Action::Read(_))).collect();
            if !reads.is_empty() {
                let at = pick.index(reads.len());
                reads[at].action = Action::Read(other.checked_sub(1));
            }
            History::new(operations).expect("a client does one thing at a time")
        },
    )
}
