//! Over streams that nobody wrote by hand.

use proptest::prelude::*;
use reenact::detect::testing::Life;

use super::super::NON_PRIMARY_WEDGE;
use super::{
    diagnoses::wedge,
    look_alikes::{join_by_transfer, outage, restart},
    writes::slow_down,
    *,
};

/// What happens to a healthy cluster in its daily life.
pub(super) const LIFE: Life<Sim> = Life {
    new: |seed| {
        let mut sim = Sim::healthy(seed);
        for node in ALL {
            sim.nodes[node].skew = sim.below(600) as i64 - 300;
        }
        sim
    },
    daily: &[
        (|sim, n| sim.run(n), 4_000),
        (|sim, n| restart(sim, n as usize % NODES, n % 2 == 0), 6),
        (|sim, n| join_by_transfer(sim, n as usize % NODES, 1_000 + n), 11_000),
        (outage, 3_000),
        (|sim, n| sim.install(&ALL, n), 1_600),
        (hiccup, 2_000),
        (slow_down, 8_000),
    ],
    calm: 2_600,
    loss: 30,
    cases: 48,
};

fn hiccup(sim: &mut Sim, milliseconds: u64) {
    let node = milliseconds as usize % NODES;
    let answer = std::mem::replace(&mut sim.nodes[node].sql, hung("query"));
    sim.run(milliseconds);
    sim.nodes[node].sql = answer;
}

#[test]
fn daily_life_never_fires() {
    LIFE.never_fires(5);
}

const FILES: usize = 0;
const MACHINE: usize = 2;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wedge_is_always_diagnosed(
        seed: u64,
        loss in 0_u64..60,
        before: bool,
        lost_line in prop::option::of(0_usize..8),
        blind in prop::collection::btree_set(FILES..=MACHINE, 0..3),
    ) {
        let mut sim = if before { (LIFE.new)(seed) } else { Sim::off(seed) };
        sim.loss = loss;
        let from = wedge(&mut sim);
        sim.run(6_000);
        let mut lost = lose_a_line_of_each_last_view(&sim.seen, lost_line).into_iter().peekable();
        let mut index = 0..;
        sim.seen.retain(|seen| {
            let is_lost = lost.next_if(|lost| Some(*lost) == index.clone().next()).is_some();
            index.next();
            !is_lost && !blind.iter().any(|&probe| is_of(&seen.signal, probe))
        });
        sim.only(NON_PRIMARY_WEDGE, from, 0..=4_700, &["is inconsistent to restored view"]);
    }
}

/// Where in the stream the `line`-th of each node's last view block stands; the
/// block has five lines and three members.
fn lose_a_line_of_each_last_view(stream: &[Observation], line: Option<usize>) -> Vec<usize> {
    let Some(line) = line else { return Vec::new() };
    let last_view = |node: usize| {
        let is_log = |seen: &Observation| seen.node == name(node) && matches!(seen.signal, Signal::Log { .. });
        let start = stream.iter().rposition(|seen| is_log(seen) && seen.is_log_with(&["view(view_id("]))?;
        (start..stream.len()).filter(|&at| is_log(&stream[at])).nth(line)
    };
    let mut lost: Vec<_> = ALL.into_iter().filter_map(last_view).collect();
    lost.sort_unstable();
    lost
}

fn is_of(signal: &Signal, probe: usize) -> bool {
    match signal {
        Signal::File { .. } => probe == FILES,
        Signal::Processes { .. } => probe == FILES + 1,
        Signal::Machine { .. } => probe == MACHINE,
        _ => false,
    }
}
