//! Over streams that nobody wrote by hand.

use proptest::prelude::*;

use super::super::{CANCEL_OVERDUE, DOUBLE_CREATE, STALE_LOCK, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER};
use super::*;

/// What happens to a director in its daily life.
#[derive(Debug, Clone)]
enum Daily {
    Calm(u64),
    Deploy(u8, u64),
    Ping(u64),
    Cancel(u64),
    DatabaseAway(u64),
}

fn daily() -> impl Strategy<Value = Daily> {
    prop_oneof![
        (0_u64..4_000).prop_map(Daily::Calm),
        (1..4_u8, 200_u64..8_000).prop_map(|(az, takes)| Daily::Deploy(az, takes)),
        (0_u64..9_000).prop_map(Daily::Ping),
        (0_u64..3_000).prop_map(Daily::Cancel),
        (0_u64..700).prop_map(Daily::DatabaseAway),
    ]
}

fn happens(sim: &mut Sim, id: u64, event: &Daily) {
    match *event {
        Daily::Calm(milliseconds) => sim.run(milliseconds),
        Daily::Deploy(az, takes) => {
            sim.deploy(id, "paasta", az, Doing::Slow(takes));
            sim.run(takes * 4 + 500);
        }
        Daily::Ping(milliseconds) | Daily::Cancel(milliseconds) => {
            sim.deploy(id, "paasta", 1, Doing::Ping);
            sim.run(milliseconds + 50);
            sim.cancel(id);
            sim.run(500);
        }
        Daily::DatabaseAway(milliseconds) => {
            sim.database = false;
            sim.run(milliseconds);
            sim.database = true;
            sim.run(1_000);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn daily_life_never_fires(seed: u64, loss in 0_u64..60, events in prop::collection::vec(daily(), 1..5)) {
        let mut sim = Sim::new(seed);
        sim.loss = loss;
        for (index, event) in events.iter().enumerate() {
            happens(&mut sim, 100 + index as u64, event);
        }
        prop_assert_eq!(sim.diagnoses(), [""; 0]);
    }

    #[test]
    fn a_hang_is_diagnosed_after_whatever_was_before(
        seed: u64,
        loss in 0_u64..60,
        before in prop::collection::vec(daily(), 0..3),
        calm in 0_u64..3_000,
    ) {
        let mut sim = Sim::new(seed);
        sim.loss = loss;
        for (index, event) in before.iter().enumerate() {
            happens(&mut sim, 10 + index as u64, event);
        }
        sim.vms.retain(|cid, _| cid == "vm-old");
        sim.deploy(100, "paasta", 3, Doing::Hang);
        let from = sim.now;
        sim.run(calm + 1_000);
        sim.cancel(100);
        sim.run(15_000);
        let fired = fired(&sim.stream(), "bosh/");
        prop_assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [CANCEL_OVERDUE, STUCK_TASK, WRONG_SUBNET]);
        prop_assert!(fired[STUCK_TASK].0.since(Moment(from)) <= Duration::from_millis(15_000), "{:?}", fired[STUCK_TASK]);
    }

    /// Whatever the order of the signals, who fires has evidence, and one task is not
    /// stuck in its lock, dead with it and robbed of it at once.
    #[test]
    fn who_fires_has_evidence_whatever_the_order(
        seed: u64,
        how in 0..4_u8,
        order in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut sim = Sim::stuck(seed);
        sim.run(3_000);
        match how {
            0 => sim.kill(100),
            1 => sim.locks.clear(),
            2 => sim.task(100).suspended = true,
            _ => sim.cancel(100),
        }
        sim.run(11_000);
        let mut stream = sim.stream();
        for swap in order {
            let at = swap.index(stream.len() - 1);
            let later = stream[at + 1].signal.clone();
            stream[at + 1].signal = std::mem::replace(&mut stream[at].signal, later);
            let later = stream[at + 1].node.clone();
            stream[at + 1].node = std::mem::replace(&mut stream[at].node, later);
        }
        let ours = reenact::detect::all().into_iter().filter(|entry| entry.id.starts_with("bosh/"));
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
            prop_assert!(of(&[STUCK_TASK, STALE_LOCK, ZOMBIE_HOLDER]) <= 1, "{:?} at {}", firing, seen.at);
            prop_assert!(of(&[DOUBLE_CREATE]) == 0, "{:?} at {}", firing, seen.at);
        }
    }
}

fn has_its_evidence(id: &str, evidence: &[String]) -> bool {
    let has = |part: &str| evidence.iter().any(|line| line.contains(part));
    match id {
        STUCK_TASK => has("holds it, by its acquire event") && has("nothing but renewals and checkpoints"),
        CANCEL_OVERDUE => has("it is cancelling for") && evidence.len() > 1,
        ZOMBIE_HOLDER => has("is not its any more") && has("its process lives"),
        STALE_LOCK => has("holds it") && has("has no process") && has("it expires in"),
        WRONG_SUBNET => has("all of them in 10.0.3.0/24") && has("hangs for"),
        _ => false,
    }
}
