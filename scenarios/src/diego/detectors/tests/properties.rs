//! Over streams that nobody wrote by hand.

use reenact::detect::testing::{Life, World, Wrong};

use super::super::*;
use super::*;

/// What happens to Diego's state in its daily life.
const LIFE: Life<Sim> = Life {
    new: Sim::new,
    daily: &[
        (|sim, n| sim.run(n), 4_000),
        (restart, 9_000),
        (|sim, n| _ = sim.apps.insert("app-2".into(), 1 + n as u32), 8),
        (fail_over, 20_000),
        (elect, 2_300),
        (lose_nsync, 8_000),
        (transfer, 3),
    ],
    calm: 500,
    loss: 6,
    cases: 16,
};

fn restart(sim: &mut Sim, away: u64) {
    let index = away as usize % 3;
    sim.kill(index);
    sim.run(away);
    sim.start(index);
    sim.run(6_000);
}

fn fail_over(sim: &mut Sim, ends: u64) {
    sim.bbs = [Bbs::Waits, Bbs::Waits];
    sim.ends_in(ends);
    sim.run(21_000);
}

fn elect(sim: &mut Sim, away: u64) {
    sim.consul.iter_mut().for_each(|server| server.has_leader = false);
    sim.run(away);
    sim.consul.iter_mut().for_each(|server| server.has_leader = true);
    sim.run(500);
}

fn lose_nsync(sim: &mut Sim, away: u64) {
    sim.nsync = false;
    sim.run(away);
    sim.nsync = true;
    sim.run(5_000);
}

fn transfer(sim: &mut Sim, index: u64) {
    sim.leader = index as usize;
    sim.settle();
    sim.run(500);
}

const fn wrong(make: Act, told_by: &'static [&'static str], within: u64) -> Wrong<Sim> {
    Wrong { make, told_by, within, line: "" }
}

const WRONGS: [Wrong<Sim>; 13] = [
    wrong(|sim| [0, 1].into_iter().for_each(|index| sim.kill(index)), &[QUORUM_LOST], 11_000),
    wrong(|sim| sim.refuse(1, "walpb: crc mismatch"), &[MEMBER_CORRUPT], 6_000),
    wrong(|sim| sim.refuse(2, "member 8e has already been bootstrapped"), &[MEMBER_WIPED], 6_000),
    wrong(|sim| sim.refuse(0, "member has been permanently removed from the cluster"), &[MEMBER_REMOVED], 6_000),
    wrong(|sim| sim.starts_in_vain(1, "flag provided but not defined: -x"), &[JOB_DOWN], 34_000),
    wrong(Sim::keep_the_dead_voters, &[CONSUL_DEAD_VOTERS], 8_000),
    wrong(|sim| sim.stalled = Some(sim.now), &[WRITES_STALLED], 15_000),
    wrong(|sim| sim.etcd[1].hash = 6, &[SILENT_CORRUPTION], 7_000),
    wrong(|sim| sim.etcd[2].pidfile = "9", &[ORPHAN], 6_000),
    wrong(|sim| sim.etcd[1].cluster = "a1", &[SPLIT_CLUSTER], 5_000),
    wrong(|sim| sim.consul.iter_mut().for_each(|server| server.has_leader = false), &[CONSUL_QUORUM_LOST], 8_000),
    wrong(Sim::leave_a_dead_lock, &[LOCK_STUCK], 16_000),
    wrong(Sim::forget_an_app, &[APPS_MISSING], 21_000),
];

impl Sim {
    fn leave_a_dead_lock(&mut self) {
        self.bbs = [Bbs::Away, Bbs::Waits];
        self.key = Some(Key { session: "dead", flags: 0, ttl: 0, checks: 0, ends: None });
    }

    fn keep_the_dead_voters(&mut self) {
        for server in &mut self.consul {
            server.peers.extend((1..4).map(|dead| (format!("10.0.9.{dead}:8300"), true)));
            server.has_leader = false;
        }
    }

    fn forget_an_app(&mut self) {
        self.nsync = false;
        self.apps.insert("app-new".into(), 1);
    }
}

#[test]
fn daily_life_never_fires() {
    LIFE.never_fires(4);
}

#[test]
fn what_breaks_is_named_in_time_after_whatever_was_before() {
    let new = |seed| {
        let mut sim = Sim::new(seed);
        sim.run(6_000);
        sim
    };
    LIFE.of(new).names(&WRONGS, 6, 1);
}

/// One cause is not two.
#[test]
fn who_fires_has_evidence_whatever_the_order() {
    let wrongs = WRONGS.map(|wrong| wrong.make);
    let all = WRONGS.map(|wrong| wrong.told_by[0]);
    let has_lines = |_: &str, evidence: &[String]| !evidence.is_empty() && evidence.iter().all(|line| !line.is_empty());
    LIFE.has_evidence_in_any_order(&wrongs, 22_000, has_lines, &[&all]);
}
