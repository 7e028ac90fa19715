//! Over streams that nobody wrote by hand.

use proptest::prelude::*;

use super::super::*;
use super::*;

/// What happens to Diego's state in its daily life.
#[derive(Debug, Clone, Copy)]
enum Daily {
    Calm(u64),
    Restart(usize, u64),
    Scale(u32),
    Failover(u64),
    ConsulElects(u64),
    NsyncAway(u64),
    Transfer(usize),
}

fn daily() -> impl Strategy<Value = Daily> {
    prop_oneof![
        (0_u64..4_000).prop_map(Daily::Calm),
        (0..3_usize, 0_u64..9_000).prop_map(|(index, away)| Daily::Restart(index, away)),
        (1_u32..9).prop_map(Daily::Scale),
        (0_u64..20_000).prop_map(Daily::Failover),
        (0_u64..2_300).prop_map(Daily::ConsulElects),
        (0_u64..8_000).prop_map(Daily::NsyncAway),
        (0..3_usize).prop_map(Daily::Transfer),
    ]
}

fn happens(sim: &mut Sim, event: Daily) {
    match event {
        Daily::Calm(milliseconds) => sim.run(milliseconds),
        Daily::Restart(index, away) => {
            sim.kill(index);
            sim.run(away);
            sim.start(index);
            sim.run(6_000);
        }
        Daily::Scale(count) => {
            sim.apps.insert("app-2".into(), count);
            sim.run(500);
        }
        Daily::Failover(ends) => {
            let ends = sim.now + ends;
            sim.bbs = [Bbs::Waits, Bbs::Waits];
            sim.key = sim.key.clone().map(|key| Key { ends: Some(ends), ..key });
            sim.run(21_000);
        }
        Daily::ConsulElects(away) => {
            sim.consul.iter_mut().for_each(|server| server.has_leader = false);
            sim.run(away);
            sim.consul.iter_mut().for_each(|server| server.has_leader = true);
            sim.run(1_000);
        }
        Daily::NsyncAway(away) => {
            sim.nsync = false;
            sim.run(away);
            sim.nsync = true;
            sim.run(5_500);
        }
        Daily::Transfer(index) => {
            sim.leader = index;
            sim.settle();
            sim.run(1_000);
        }
    }
}

/// What breaks it, who says so, and within how many ms.
const BREAKS: [(Act, &str, u64); 9] = [
    (
        |sim| {
            sim.kill(0);
            sim.kill(1);
        },
        QUORUM_LOST,
        11_000,
    ),
    (|sim| sim.refuse(1, "walpb: crc mismatch"), MEMBER_CORRUPT, 6_000),
    (|sim| sim.refuse(2, "member 8e has already been bootstrapped"), MEMBER_WIPED, 6_000),
    (|sim| sim.etcd[1].hash = 6, SILENT_CORRUPTION, 7_000),
    (|sim| sim.etcd[2].pidfile = "9", ORPHAN, 6_000),
    (|sim| sim.etcd[1].cluster = "a1", SPLIT_CLUSTER, 5_000),
    (|sim| sim.consul.iter_mut().for_each(|server| server.has_leader = false), CONSUL_QUORUM_LOST, 8_000),
    (
        |sim| {
            sim.bbs = [Bbs::Away, Bbs::Waits];
            sim.key = Some(Key { session: "dead", flags: 0, ttl: 0, checks: 0, ends: None });
        },
        LOCK_STUCK,
        16_000,
    ),
    (
        |sim| {
            sim.nsync = false;
            sim.apps.insert("app-new".into(), 1);
        },
        APPS_MISSING,
        21_000,
    ),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn daily_life_never_fires(seed: u64, loss in 0_u64..=5, events in prop::collection::vec(daily(), 1..5)) {
        let mut sim = Sim::new(seed);
        sim.loss = loss;
        events.iter().for_each(|event| happens(&mut sim, *event));
        prop_assert_eq!(diagnoses(&sim), [""; 0]);
    }

    #[test]
    fn what_breaks_is_named_in_time_after_whatever_was_before(
        seed: u64,
        loss in 0_u64..=5,
        before in prop::collection::vec(daily(), 0..2),
        which in 0..BREAKS.len(),
        calm in 0_u64..3_000,
    ) {
        let mut sim = Sim::new(seed);
        sim.loss = loss;
        before.iter().for_each(|event| happens(&mut sim, *event));
        sim.run(6_000 + calm);
        let (breaks, id, within) = BREAKS[which];
        breaks(&mut sim);
        let from = sim.now;
        sim.run(within + 1_000);
        let fired = fired(&sim.observations, "diego/");
        prop_assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [id]);
        prop_assert!(fired[id].0.since(Moment(from)) <= Duration::from_millis(within), "{:?}", fired[id]);
    }

    /// Whatever the order of the signals, who fires has evidence, and one cause is not two.
    #[test]
    fn who_fires_has_evidence_whatever_the_order(
        seed: u64,
        which in 0..BREAKS.len(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut sim = Sim::new(seed);
        BREAKS[which].0(&mut sim);
        sim.run(22_000);
        let mut stream = sim.observations.clone();
        for swap in order {
            let at = swap.index(stream.len() - 1);
            let (one, other) = stream.split_at_mut(at + 1);
            std::mem::swap(&mut one[at].signal, &mut other[0].signal);
            std::mem::swap(&mut one[at].node, &mut other[0].node);
        }
        let fired = fired(&stream, "diego/");
        prop_assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [BREAKS[which].1]);
        prop_assert!(fired.values().all(|(_, evidence)| evidence.iter().all(|line| !line.is_empty())));
        prop_assert!(fired.values().all(|(_, evidence)| !evidence.is_empty()));
    }
}
