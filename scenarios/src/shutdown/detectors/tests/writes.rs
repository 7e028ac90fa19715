//! Requests hang that would have made rows.

use reenact::detect::testing::{Wrong, assert_hold, scenes};

use super::super::{LOST_WORK, OVERDUE, WRITES_STALLED};
use super::{properties::LIFE, *};

fn stall(sim: &mut Sim) {
    sim.stalled = Some(sim.now);
}

#[test]
fn requests_that_are_never_answered() {
    let mut sim = Sim::healthy(Tracker, 160);
    let from = sim.now;
    stall(&mut sim);
    sim.run(23_000);
    let lines = ["the service: a write hangs for 1", "(an answer to the request), while its database is read"];
    sim.only(WRITES_STALLED, from, 20_000..=21_300, &lines);
    sim.stalled = None;
    sim.run(1_300);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn its_hold_is_what_it_is() {
    let make = |sim: &mut Sim| {
        stall(sim);
        sim.run(2_000);
    };
    assert_hold(Sim::healthy(Tracker, 161), make, WRITES_STALLED, 20_000);
}

#[test]
fn whatever_happened_before_it_is_named() {
    let wrong = Wrong { make: stall, told_by: &[WRITES_STALLED], within: 24_000, line: "a write hangs" };
    LIFE.names(&[wrong], 6, 2);
}

/// Rows that wait, and those that are lost, tell more.
#[test]
fn what_becomes_of_rows_is_told_instead() {
    let mut sim = Sim::healthy(Spawn, 162);
    sim.apps.iter_mut().flat_map(|app| &mut app.works).for_each(|work| work.1 = u64::MAX);
    stall(&mut sim);
    sim.run(40_000);
    assert_eq!(sim.diagnoses(), [OVERDUE]);
    let mut sim = Sim::healthy(Spawn, 163);
    sim.kill(APP1, false);
    stall(&mut sim);
    sim.run(40_000);
    assert!(sim.first(LOST_WORK).is_some() && sim.first(WRITES_STALLED).is_none());
}

#[test]
fn without_a_request_nothing_can_be_told() {
    let mut sim = Sim::healthy(Tracker, 164);
    sim.seen.retain(|seen| seen.node != "router");
    assert_eq!(sim.said().why(WRITES_STALLED), "a synthetic write was never seen");
}

fn stays_quiet(scene: fn(&mut Sim)) {
    let mut sim = Sim::healthy(Tracker, 165);
    scene(&mut sim);
    sim.quiet();
}

scenes!(
    stays_quiet,
    // Each takes twelve seconds.
    a_slow_service_that_gets_on = |sim| {
        for _ in 0..6 {
            stall(sim);
            sim.run(12_000);
            sim.stalled = None;
            sim.run(1_300);
        }
        sim.knows();
    },
    a_database_that_is_away_refuses = |sim| {
        stall(sim);
        sim.database = false;
        sim.run(25_000);
    },
);
