//! What comes and goes, and writes that do not come to their end.

use reenact::detect::testing::World;

use super::super::*;
use super::*;

/// Makes something so, or not.
type Turn = fn(&mut Sim, bool);

/// Something is so for so many of each five seconds.
fn comes_and_goes(seed: u64, seconds: u64, make: Turn) -> Sim {
    let mut sim = Sim::new(seed);
    for _ in 0..20 {
        make(&mut sim, true);
        sim.run(seconds * 1_000);
        make(&mut sim, false);
        sim.run(5_000 - seconds * 1_000);
    }
    sim
}

/// Each hold is longer than what it comes and goes by, but for masters'.
#[test]
fn what_is_so_for_most_of_the_time_is_not_well_either() {
    let cases: [(&str, Turn); 5] = [
        (QUORUM_LOST, |sim, lost| sim.etcd.iter_mut().for_each(|member| member.has_leader = !lost)),
        (STALE_MEMBER, |sim, lost| sim.etcd[1].has_leader = !lost),
        (CONSUL_QUORUM_LOST, |sim, lost| sim.consul.iter_mut().for_each(|server| server.has_leader = !lost)),
        (CONSUL_OLD_PEERS, |sim, lost| {
            for (index, server) in sim.consul.iter_mut().enumerate() {
                server.has_leader = !lost;
                server.address = format!("10.0.{}.{index}:8300", u8::from(lost));
            }
        }),
        (BBS_CUT_OFF, |sim, lost| sim.reaches = !lost),
    ];
    for (seed, (id, make)) in (140..).zip(cases) {
        comes_and_goes(seed, 4, make).only(id, 3_000, 42_000..=70_000, &["it comes and goes: for 3"]);
        comes_and_goes(seed, 2, make).quiet();
    }
}

#[test]
fn writes_that_never_come_to_their_end() {
    let mut sim = Sim::new(150);
    let from = sim.now;
    sim.stalled = Some(from);
    sim.run(15_000);
    let lines = ["e0: it answers and has a leader, at raft index ", "a write hangs for 1"];
    sim.only(WRITES_STALLED, from, 12_000..=13_500, &lines);
    sim.stalled = None;
    sim.run(1_500);
    assert_eq!(sim.firing(), [""; 0]);
}

/// Nor is a BBS cut off from an etcd that takes no writes.
#[test]
fn stalled_writes_are_told_once_and_not_where_they_have_a_name() {
    let causes: [(&str, Act); 4] = [
        (WRITES_STALLED, |sim| sim.reaches = false),
        (NOSPACE, |sim| sim.etcd[1].alarms = "NOSPACE"),
        (QUORUM_LOST, |sim| (sim.kill(1), sim.kill(2)).1),
        (SPLIT_CLUSTER, |sim| sim.etcd[1].cluster = "a1"),
    ];
    for (seed, (cause, make)) in (151..).zip(causes) {
        let mut sim = Sim::new(seed);
        sim.stalled = Some(sim.now);
        make(&mut sim);
        sim.run(30_000);
        assert_eq!(sim.diagnoses(), [cause]);
    }
}

/// A leader that goes takes the writes with it that it was told of.
#[test]
fn a_slow_disk_and_an_election_let_writes_through_in_time() {
    for takes in [7_000, 10_000] {
        let mut sim = Sim::new(155);
        for _ in 0..6 {
            sim.stalled = Some(sim.now);
            sim.run(takes);
            sim.stalled = None;
            sim.run(1_300);
        }
        sim.quiet();
    }
}

#[test]
fn a_write_by_one_member_is_enough() {
    let mut sim = Sim::new(156);
    sim.stalled = Some(sim.now);
    sim.run(20_000);
    for seen in sim.seen.iter_mut().filter(|seen| seen.node == "e1") {
        if let Signal::Query { of, answer } = &mut seen.signal
            && of == WRITE
        {
            *answer = reenact::detect::testing::values([("done", "true"), ("ms", "5"), ("waits_for", "")]);
        }
    }
    sim.quiet();
}
