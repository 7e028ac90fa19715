//! The tables are read, and writes by the API hang.

use reenact::detect::testing::{Wrong, assert_hold, scenes};

use super::super::{DIRECTOR_DOWN, WRITES_STALLED};
use super::{properties::LIFE, *};

fn stall(sim: &mut Sim) {
    sim.stalled = Some(sim.now);
}

#[test]
fn writes_that_never_come_to_their_end() {
    let mut sim = Sim::new(120);
    let from = sim.now;
    stall(&mut sim);
    sim.run(18_000);
    let line = "(an answer), while its database is read (0 tasks)";
    sim.only(WRITES_STALLED, from, 15_000..=16_300, &["the director: a write hangs for 1", line]);
    sim.stalled = None;
    sim.run(1_300);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn its_hold_is_what_it_is() {
    assert_hold(Sim::new(121), |sim| (stall(sim), sim.run(1_300)).1, WRITES_STALLED, 15_000);
}

#[test]
fn whatever_happened_before_it_is_named() {
    let wrong = Wrong { make: stall, told_by: &[WRITES_STALLED], within: 18_000, line: "a write hangs" };
    LIFE.names(&[wrong], 6, 2);
}

/// Who does not listen, and a database that is away, have another name.
#[test]
fn what_is_not_there_is_told_instead() {
    let parts: [fn(&mut Sim); 2] = [|sim| sim.serves = false, |sim| sim.database = false];
    for lose in parts {
        let mut sim = Sim::new(122);
        stall(&mut sim);
        lose(&mut sim);
        sim.run(40_000);
        assert_eq!(sim.diagnoses(), [DIRECTOR_DOWN]);
    }
    // A worker that is away, and a write that hangs.
    let mut sim = Sim::new(123);
    stall(&mut sim);
    sim.workers[0] = false;
    sim.run(40_000);
    assert_eq!(sim.diagnoses(), [DIRECTOR_DOWN]);
}

#[test]
fn without_a_write_nothing_can_be_told() {
    let mut sim = Sim::new(124);
    sim.seen.retain(|seen| !matches!(&seen.signal, Signal::Query { of, .. } if of == "director:write"));
    assert_eq!(sim.said().why(WRITES_STALLED), "a synthetic write was never seen");
}

/// As on a machine that lost its power: the write was sent before, and nobody refuses it.
#[test]
fn where_no_process_is_seen_a_write_that_hangs_is_no_wonder() {
    let mut sim = Sim::new(126);
    let from = sim.now;
    stall(&mut sim);
    sim.run(40_000);
    sim.seen.retain(|seen| seen.at.0 < from || !matches!(seen.signal, Signal::Processes { .. }));
    sim.quiet();
    assert_eq!(sim.said().why(WRITES_STALLED), "the director's processes are not fresh");
}

fn stays_quiet(scene: fn(&mut Sim)) {
    let mut sim = Sim::new(125);
    scene(&mut sim);
    sim.quiet();
}

scenes!(
    stays_quiet,
    // Each takes nine seconds.
    a_slow_director_that_gets_on = |sim| {
        for _ in 0..8 {
            stall(sim);
            sim.run(9_000);
            sim.stalled = None;
            sim.run(1_300);
        }
        sim.knows();
    },
);
