//! How fast a history is checked on one core: `cargo run --release -p reenact-history --example
//! throughput -- [--into FILE] OPERATIONS [KEYS [CLIENTS [SEED]]]`
//!
//! The history is that of a store that has one value a key, under clients of which one in two
//! operations is a read and one write in fifty has an unknown outcome. `--into` keeps it, for
//! another checker.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use reenact_history::{
    Action, History, Operation, Outcome, Verdict, causal, linearizable, monotonic_reads, read_your_writes, stale_reads,
};

fn main() -> io::Result<()> {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    let into =
        (arguments.first().is_some_and(|first| first == "--into")).then(|| arguments.drain(..2).nth(1)).flatten();
    let number = |at: usize, default| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (count, keys, clients) = (number(0, 100_000), number(1, 10), number(2, 10));
    let operations = made(count, keys, clients, number(3, 1) as u64);
    let history = History::new(operations).map_err(io::Error::other)?;
    let mut text = Vec::new();
    history.to_json_lines(&mut text)?;
    if let Some(into) = into {
        history.to_json_lines(BufWriter::new(File::create(into)?))?;
    }
    eprintln!("{count} operations of {clients} clients on {keys} keys, {:.1} MB", text.len() as f64 / 1e6);
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    timed("read as JSON lines", || {
        format!("{} operations", History::from_json_lines(&text).map_or(0, |read| read.operations().len()))
    });
    timed("linearizable", || word(linearizable(&history, Duration::from_secs(60))));
    timed("causal", || word(causal(&history)));
    timed("read your writes", || word(read_your_writes(&history)));
    timed("monotonic reads", || word(monotonic_reads(&history)));
    timed("stale reads", || format!("{} reads", stale_reads(&history, None).len()));
    let again = History::new(written_again(&history)).map_err(io::Error::other)?;
    timed("linearizable, by the search", || word(linearizable(&again, Duration::from_secs(60))));
    Ok(())
}

fn timed(what: &str, check: impl FnOnce() -> String) {
    let began = Instant::now();
    let said = check();
    eprintln!("{what:<34} {:>8.3} s  {said}", began.elapsed().as_secs_f64());
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Holds => "holds".into(),
        Verdict::Violated(violations) => format!("violated: {}", violations[0]),
        Verdict::Unknown { why } => format!("unknown: {why}"),
    }
}

/// Each client does one thing after another; what it does takes effect at some moment between
/// begin and end, an unknown write perhaps later, perhaps never.
fn made(count: usize, keys: usize, clients: usize, seed: u64) -> Vec<Operation> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut free = vec![0_u64; clients.max(1)];
    let mut operations = Vec::with_capacity(count);
    let mut effects = Vec::new();
    for number in 0..count {
        let client = number % free.len();
        let from = free[client] + random.random_range(1..40);
        let to = from + random.random_range(0..20);
        free[client] = to;
        let is_read = random.random_range(0..2) == 0;
        let is_unknown = !is_read && random.random_range(0..50) == 0;
        let happens = if is_unknown { random.random_range(0..2) == 0 } else { true };
        let late = if is_unknown { random.random_range(0..500) } else { random.random_range(0..=to - from) };
        if happens {
            effects.push((from + late, operations.len()));
        }
        operations.push(Operation {
            client: u32::try_from(client).unwrap_or(u32::MAX),
            node: format!("n{}", client % 3 + 1),
            key: format!("key-{}", random.random_range(0..keys.max(1))),
            action: if is_read { Action::Read(None) } else { Action::Write(number as u64 + 1) },
            from,
            to,
            outcome: if is_unknown { Outcome::Unknown } else { Outcome::Ok },
        });
    }
    effects.sort_unstable();
    let mut held: HashMap<String, u64> = HashMap::new();
    for (_, at) in effects {
        let operation = &mut operations[at];
        match &mut operation.action {
            Action::Read(value) => *value = held.get(&operation.key).copied(),
            Action::Write(value) => _ = held.insert(operation.key.clone(), *value),
            Action::Swap { .. } => {}
        }
    }
    operations
}

/// The same with one certain write of each key made again, of the same value, at the end: whose
/// write a read saw is not known then.
fn written_again(history: &History) -> Vec<Operation> {
    let mut operations = history.operations().to_vec();
    let end = operations.iter().map(|operation| operation.to).max().unwrap_or(0);
    let mut first: HashMap<&str, &Operation> = HashMap::new();
    for operation in history.operations() {
        if matches!(operation.action, Action::Write(_)) && operation.outcome == Outcome::Ok {
            first.entry(&operation.key).or_insert(operation);
        }
    }
    let mut again: Vec<_> = first.into_values().cloned().collect();
    again.sort_by(|a, b| a.key.cmp(&b.key));
    for (operation, at) in again.into_iter().zip(1..) {
        operations.push(Operation { client: u32::MAX, from: end + 2 * at, to: end + 2 * at + 1, ..operation });
    }
    operations
}
