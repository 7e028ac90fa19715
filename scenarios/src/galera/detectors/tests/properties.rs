//! Over streams that nobody wrote by hand.

use proptest::prelude::*;
use reenact::detect::testing::Life;

use super::super::NON_PRIMARY_WEDGE;
use super::{
    diagnoses::wedge,
    look_alikes::{join_by_transfer, outage, restart},
    *,
};

/// What happens to a healthy cluster in its daily life. Then follows time enough for every
/// node to be seen well again, whatever looks are lost: two events that each are short may
/// not add up to a long one.
const LIFE: Life<Sim> = Life {
    new: |seed| {
        let mut sim = Sim::healthy(seed);
        for node in ALL {
            sim.nodes[node].skew = sim.below(600) as i64 - 300;
        }
        sim
    },
    daily: &[
        (Sim::calm, 4_000),
        (|sim, n| (restart(sim, n as usize % NODES, n % 2 == 0), sim.calm(0)).1, 6),
        (|sim, n| (join_by_transfer(sim, n as usize % NODES, 1_000 + n), sim.calm(0)).1, 11_000),
        (|sim, n| (outage(sim, n), sim.calm(0)).1, 3_000),
        (|sim, n| (sim.install(&ALL, n), sim.calm(0)).1, 1_600),
        (
            |sim, n| {
                let node = n as usize % NODES;
                let answer = sim.nodes[node].sql.clone();
                sim.nodes[node].sql = hung("query");
                sim.run(n);
                sim.nodes[node].sql = answer;
                sim.calm(0);
            },
            2_000,
        ),
    ],
    loss: 0,
    cases: 48,
};

impl Sim {
    fn calm(&mut self, milliseconds: u64) {
        self.run(2_600 + milliseconds);
    }
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
