//! Over streams that nobody wrote by hand.

use proptest::prelude::*;
use reenact::probe::Answer;

use super::super::NON_PRIMARY_WEDGE;
use super::{
    diagnoses::wedge,
    look_alikes::{join_by_transfer, outage, restart},
    *,
};

/// What happens to a healthy cluster in its daily life.
#[derive(Debug, Clone)]
enum Daily {
    Calm(u64),
    Restart { node: usize, clean: bool },
    Join { node: usize, milliseconds: u64 },
    Outage { waiting: u64 },
    Relay { spread: u64 },
    Hiccup { node: usize, milliseconds: u64 },
}

fn daily() -> impl Strategy<Value = Daily> {
    let node = 0..NODES;
    prop_oneof![
        (0_u64..4_000).prop_map(Daily::Calm),
        (node.clone(), any::<bool>()).prop_map(|(node, clean)| Daily::Restart { node, clean }),
        (node.clone(), 1_000_u64..12_000).prop_map(|(node, milliseconds)| Daily::Join { node, milliseconds }),
        (0_u64..3_000).prop_map(|waiting| Daily::Outage { waiting }),
        (0_u64..1_600).prop_map(|spread| Daily::Relay { spread }),
        (node, 100_u64..2_000).prop_map(|(node, milliseconds)| Daily::Hiccup { node, milliseconds }),
    ]
}

fn happens(sim: &mut Sim, event: &Daily) {
    match *event {
        Daily::Calm(milliseconds) => sim.run(milliseconds),
        Daily::Restart { node, clean } => restart(sim, node, clean),
        Daily::Join { node, milliseconds } => join_by_transfer(sim, node, milliseconds),
        Daily::Outage { waiting } => outage(sim, waiting),
        Daily::Relay { spread } => sim.install(&ALL, spread),
        Daily::Hiccup { node, milliseconds } => {
            let answer = sim.nodes[node].sql.clone();
            sim.nodes[node].sql = Answer::Hung { during: "query".into() };
            sim.run(milliseconds);
            sim.nodes[node].sql = answer;
        }
    }
    // Long enough for every node to be seen well again, whatever looks are lost:
    // two events that each are short may not add up to a long one.
    sim.run(2_600);
}

fn skews() -> impl Strategy<Value = [i64; NODES]> {
    [-300_i64..300, -300..300, -300..300]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn daily_life_never_fires(seed: u64, skew in skews(), events in prop::collection::vec(daily(), 1..6)) {
        let mut sim = Sim::healthy(seed);
        sim.skew = skew;
        for event in &events {
            happens(&mut sim, event);
        }
        prop_assert_eq!(sim.fired(), BTreeMap::new());
    }

    #[test]
    fn a_wedge_is_always_diagnosed(
        seed: u64,
        loss in 0_u64..60,
        skew in skews(),
        before: bool,
        lost_line in prop::option::of(0_usize..8),
        blind in prop::collection::btree_set(FILES..=MACHINE, 0..3),
    ) {
        let mut sim = if before { Sim::healthy(seed) } else { Sim::off(seed) };
        (sim.loss, sim.skew) = (loss, skew);
        let from = wedge(&mut sim);
        sim.run(6_000);
        let from = Moment(from);
        let lost = lose_a_line_of_each_last_view(&sim.stream, lost_line);
        let mut index = 0;
        sim.stream.retain(|seen| {
            index += 1;
            !lost.contains(&(index - 1)) && !blind.iter().any(|&probe| is_of(&seen.signal, probe))
        });
        let fired = sim.fired();
        prop_assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [NON_PRIMARY_WEDGE]);
        let (at, evidence) = &fired[NON_PRIMARY_WEDGE];
        prop_assert!(*at >= from && at.since(from).as_millis() <= 4_700, "{} against {}", at, from);
        prop_assert!(evidence.iter().any(|line| line.contains("is inconsistent to restored view")));
    }
}

/// Where in the stream the `line`-th of each node's last view block stands; the
/// block has five lines and three members.
fn lose_a_line_of_each_last_view(stream: &[Observation], line: Option<usize>) -> Vec<usize> {
    let Some(line) = line else { return Vec::new() };
    let last_view = |node: usize| {
        let opens = |seen: &Observation| {
            seen.node == name(node) && matches!(&seen.signal, Signal::Log { line } if line.contains("view(view_id("))
        };
        let start = stream.iter().rposition(opens)?;
        let of_node = |&at: &usize| stream[at].node == name(node) && matches!(stream[at].signal, Signal::Log { .. });
        (start..stream.len()).filter(of_node).nth(line)
    };
    ALL.into_iter().filter_map(last_view).collect()
}

fn is_of(signal: &Signal, probe: usize) -> bool {
    match signal {
        Signal::File { .. } => probe == FILES,
        Signal::Processes { .. } => probe == PROCESSES,
        Signal::Machine { .. } => probe == MACHINE,
        _ => false,
    }
}
