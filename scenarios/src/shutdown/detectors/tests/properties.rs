//! Over streams that nobody wrote by hand.

use proptest::prelude::*;

use super::super::{DUPLICATES, EXITED_BUSY, KILLED_BUSY, LOST_WORK, OOM_KILLED_BUSY, OUTBOX_STALLED, OVERDUE};
use super::*;

/// What happens to a service that is made right, in its daily life.
#[derive(Debug, Clone)]
enum Daily {
    Calm(u64),
    /// A deployment: unrouted, stopped, started again after this time.
    Restart(usize, u64),
    Pause(usize, u64),
    DatabaseAway(u64),
    Kill(usize, u64),
}

fn daily() -> impl Strategy<Value = Daily> {
    prop_oneof![
        (0_u64..4_000).prop_map(Daily::Calm),
        (0..2_usize, 0_u64..4_000).prop_map(|(app, off)| Daily::Restart(app, off)),
        (0..2_usize, 0_u64..4_000).prop_map(|(app, lasts)| Daily::Pause(app, lasts)),
        (0_u64..6_000).prop_map(Daily::DatabaseAway),
        (0..2_usize, 0_u64..6_000).prop_map(|(app, off)| Daily::Kill(app, off)),
    ]
}

fn happens(sim: &mut Sim, event: &Daily) {
    match *event {
        Daily::Calm(milliseconds) => sim.run(milliseconds),
        Daily::Restart(app, off) => {
            sim.sigterm(app, 30_000);
            sim.run(1_500 + off);
            sim.start(app);
        }
        Daily::Pause(app, lasts) => {
            sim.apps[app].paused = true;
            sim.run(lasts);
            sim.apps[app].paused = false;
        }
        Daily::DatabaseAway(lasts) => {
            sim.database = false;
            sim.run(lasts);
            sim.database = true;
        }
        // Only an outbox loses nothing by it; any other is unrouted and idle before.
        Daily::Kill(app, off) => {
            if sim.variant != Outbox {
                sim.apps[app].routed = false;
                sim.run(1_500);
            }
            sim.kill(app, off % 2 == 0);
            sim.run(off);
            sim.start(app);
            sim.apps[app].routed = true;
        }
    }
    sim.run(4_000);
}

fn right() -> impl Strategy<Value = Variant> {
    prop::sample::select(vec![Tracker, Outbox])
}

fn faulty() -> impl Strategy<Value = Variant> {
    prop::sample::select(vec![Spawn, Queue, Simple, Pool, Pool40, WaitNoAwait, AwaitOnly])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn daily_life_never_fires(
        seed: u64,
        variant in right(),
        loss in 0_u64..60,
        events in prop::collection::vec(daily(), 1..5),
    ) {
        let mut sim = Sim::with(variant, seed, |sim| (sim.loss, sim.every) = (loss, 40));
        for event in &events {
            happens(&mut sim, event);
        }
        prop_assert_eq!(sim.fired(), BTreeMap::new());
    }

    #[test]
    fn a_faulty_shutdown_is_diagnosed_after_whatever_was_before(
        seed: u64,
        variant in faulty(),
        loss in 0_u64..60,
        calm in 0_u64..3_000,
    ) {
        let mut sim = Sim::with(variant, seed, |sim| (sim.loss, sim.work) = (loss, 500));
        sim.run(calm);
        sim.sigterm(APP1, 30_000);
        let from = Moment(sim.now);
        sim.run(8_000);
        let fired = sim.fired();
        prop_assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [EXITED_BUSY, LOST_WORK]);
        prop_assert!(fired[EXITED_BUSY].0.since(from) <= Duration::from_millis(3_000), "{:?}", fired[EXITED_BUSY]);
        sim.replay();
        sim.run(2_000);
        prop_assert_eq!(sim.firing(), [""; 0]);
    }

    /// Whatever the order of the signals, who fires has evidence, and a diagnosis of an
    /// end is of one cause.
    #[test]
    fn who_fires_has_evidence_whatever_the_order(
        seed: u64,
        variant in prop_oneof![right(), faulty(), Just(AckFirst)],
        how in 0..3_u8,
        order in prop::collection::vec(any::<prop::sample::Index>(), 300),
    ) {
        let mut sim = Sim::with(variant, seed, |sim| sim.every = 40);
        match how {
            0 => sim.sigterm(APP1, 30_000),
            1 => sim.kill(APP1, false),
            _ => sim.kill(APP1, true),
        }
        sim.run(10_000);
        let mut stream = sim.stream();
        for swap in order {
            let at = swap.index(stream.len() - 1);
            let later = stream[at + 1].signal.clone();
            let one = std::mem::replace(&mut stream[at].signal, later);
            stream[at + 1].signal = one;
            let node = stream[at].node.clone();
            stream[at].node = std::mem::replace(&mut stream[at + 1].node, node);
        }
        let ours = reenact::detect::all().into_iter().filter(|entry| entry.id.starts_with("shutdown/"));
        let mut detectors: Vec<_> = ours.map(|entry| (entry.id, (entry.new)())).collect();
        for seen in &stream {
            let mut firing = Vec::new();
            for (id, detector) in &mut detectors {
                if let Verdict::Fired { evidence, .. } = detector.observe(seen) {
                    prop_assert!(has_its_evidence(id, &evidence), "{}: {:#?}", id, evidence);
                    firing.push(*id);
                }
            }
            let of = |ids: &[&str]| firing.iter().filter(|id| ids.contains(id)).count();
            prop_assert!(of(&[EXITED_BUSY, KILLED_BUSY, OOM_KILLED_BUSY]) <= 1, "{:?} at {}", firing, seen.at);
            prop_assert!(of(&[LOST_WORK, OUTBOX_STALLED, OVERDUE]) <= 1, "{:?} at {}", firing, seen.at);
        }
    }
}

fn has_its_evidence(id: &str, evidence: &[String]) -> bool {
    let has = |part: &str| evidence.iter().any(|line| line.contains(part));
    match id {
        LOST_WORK => has("without their effect") && has("before its machine finished"),
        EXITED_BUSY => has("exit code") && (has("its last word, with") || has("interrupted by its shutdown")),
        KILLED_BUSY | OOM_KILLED_BUSY => has("exit code 137") && (has("begun and not ended") || has("last gauges")),
        OUTBOX_STALLED => has("without their effect") && has("a restart is enough"),
        OVERDUE => has("without their effect") && has("none of them was done"),
        DUPLICATES => has("more than one effect"),
        _ => false,
    }
}
