//! A replica that does not start.

use reenact::detect::{
    Verdict,
    testing::{Wrong, assert_hold, scenes},
};

use super::super::{DOES_NOT_START, KILLED_BUSY, LOST_WORK, OUTBOX_STALLED};
use super::{properties::LIFE, *};

const BAD: &str = "shutdown-service: WORKERS=\"80k\" cannot be used: invalid digit found in string";

/// The replica has drained, and each of its starts ends by an error.
fn fails(sim: &mut Sim, app: usize) {
    sim.apps[app].routed = false;
    sim.run(1_200);
    sim.end(app, 0, false);
    sim.run(300);
    sim.fails_to_start(app, BAD);
}

#[test]
fn a_replica_that_ends_at_its_start() {
    for seed in 1..4 {
        let mut sim = Sim::healthy(Tracker, seed);
        fails(&mut sim, APP1);
        let from = sim.now;
        sim.run(33_000);
        let lines =
            ["app1: it ended with exit code 1, by an error of its own", "app1: log: shutdown-service: WORKERS="];
        sim.only(DOES_NOT_START, from, 30_000..=31_000, &lines);
        sim.start(APP1);
        sim.run(2_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

/// Its supervisor waits for six seconds between two starts, each of which lives for one.
#[test]
fn a_replica_that_is_started_in_vain_again_and_again() {
    let mut sim = Sim::healthy(Tracker, 5);
    fails(&mut sim, APP1);
    let from = sim.now;
    for _ in 0..6 {
        sim.run(6_000);
        sim.apps[APP1].phase = Phase::Starting(u64::MAX);
        sim.run(1_000);
        sim.fails_to_start(APP1, BAD);
    }
    sim.run(500);
    sim.only(DOES_NOT_START, from, 30_000..=31_000, &["app1: log: shutdown-service: WORKERS="]);
    let often = "app1: 7 starts in a row came to nothing".to_owned();
    assert!(sim.said().evidence(DOES_NOT_START).contains(&often));
}

#[test]
fn a_replica_that_runs_and_serves_nobody() {
    let mut sim = Sim::healthy(Tracker, 6);
    sim.apps[APP1].routed = false;
    sim.run(1_200);
    sim.end(APP1, 0, false);
    sim.apps[APP1].phase = Phase::Starting(u64::MAX);
    let from = sim.now;
    sim.run(33_000);
    let lines = ["app1: it runs, and its port refuses", "app1: its log does not say why"];
    sim.only(DOES_NOT_START, from, 30_000..=31_000, &lines);
}

/// A supervisor within the machine: that never goes off.
#[test]
fn a_process_that_is_started_in_vain_on_a_machine_that_runs() {
    let mut sim = Sim::healthy(Tracker, 15);
    sim.sigterm(APP1, 30_000);
    while sim.apps[APP1].phase != Phase::Off {
        sim.run(10);
    }
    sim.apps[APP1].phase = Phase::Starting(u64::MAX);
    let from = sim.now;
    for _ in 0..33 {
        sim.log("app1", BAD);
        sim.run(1_000);
    }
    sim.seen.retain(|seen| !matches!(seen.signal, Signal::Machine { running: false, .. }));
    let lines = ["app1: it runs, and its port refuses", "app1: log: shutdown-service: WORKERS="];
    sim.only(DOES_NOT_START, from, 29_000..=31_000, &lines);
}

/// Scaled in in order, one after the other: of the last one nobody can say that it was meant.
#[test]
fn with_no_replica_left_nobody_is_served() {
    let mut sim = Sim::healthy(Tracker, 16);
    for app in [APP1, APP2] {
        sim.apps[app].routed = false;
        sim.run(1_200);
        sim.end(app, 0, false);
        sim.run(40_000);
        assert_eq!(sim.firing().is_empty(), app == APP1, "{:?}", sim.firing());
    }
    let lines = ["app1: it is off, and so is every other replica", "app2: it is off, and so is every other replica"];
    sim.only(DOES_NOT_START, sim.now - 40_000, 29_500..=31_000, &lines);
    sim.start(APP1);
    sim.run(2_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn a_database_that_is_away_for_longer_than_a_reboot() {
    let mut sim = Sim::healthy(Tracker, 17);
    sim.database = false;
    sim.run(25_000);
    sim.database = true;
    sim.run(3_000);
    assert_eq!(sim.firing(), [""; 0], "a reboot is none");
    let mut sim = Sim::healthy(Tracker, 18);
    let from = sim.now;
    sim.database = false;
    sim.run(33_000);
    sim.only(DOES_NOT_START, from, 30_000..=30_600, &["the database: it answers no question: sql:reconcile"]);
}

#[test]
fn a_database_that_nobody_asks_hides_no_replica() {
    let mut sim = Sim::healthy(Tracker, 19);
    sim.seen.retain(|seen| seen.node != "db");
    assert_eq!(sim.said().last[DOES_NOT_START], Verdict::Quiet);
}

#[test]
fn its_hold_is_what_it_is() {
    assert_hold(Sim::healthy(Tracker, 7), |sim| (fails(sim, APP1), sim.run(1_000)).1, DOES_NOT_START, 30_000);
}

#[test]
fn whatever_happened_before_it_is_named() {
    let wrong = Wrong {
        make: |sim: &mut Sim| fails(sim, APP2),
        told_by: &[DOES_NOT_START],
        within: 34_000,
        line: "app2: log: shutdown-service: WORKERS=",
    };
    LIFE.names(&[wrong], 6, 2);
}

/// The cause, or what it comes to, has a name already.
#[test]
fn what_is_told_more_precisely_is_not_told_twice() {
    let mut sim = Sim::healthy(Tracker, 8);
    sim.kill(APP1, false);
    sim.run(300);
    sim.fails_to_start(APP1, BAD);
    sim.run(40_000);
    assert_eq!(sim.firing(), [KILLED_BUSY, LOST_WORK]);
    let mut sim = Sim::healthy(Outbox, 9);
    sim.kill(APP1, false);
    sim.kill(APP2, false);
    sim.run(300);
    sim.fails_to_start(APP1, BAD);
    sim.run(40_000);
    assert_eq!(sim.diagnoses(), [OUTBOX_STALLED]);
}

fn stays_quiet(scene: fn(&mut Sim)) {
    for seed in 10..13 {
        let mut sim = Sim::healthy(Tracker, seed);
        scene(&mut sim);
        sim.quiet();
    }
}

scenes!(
    stays_quiet,
    a_replica_that_was_scaled_in = |sim| {
        sim.apps[APP1].routed = false;
        sim.sigterm(APP1, 30_000);
        sim.run(60_000);
        sim.knows();
    },
    a_start_that_works_after_one_that_did_not = |sim| {
        fails(sim, APP1);
        sim.run(20_000);
        sim.start(APP1);
        sim.run(20_000);
    },
    a_replica_that_is_slow_to_start = |sim| {
        sim.apps[APP1].routed = false;
        sim.run(1_200);
        sim.end(APP1, 0, false);
        sim.apps[APP1].phase = Phase::Starting(sim.now + 28_000);
        sim.run(40_000);
    },
    a_replica_that_was_told_to_end_before_it_had_started = |sim| {
        fails(sim, APP1);
        sim.log("app1", "shutdown-service: SIGTERM before the service was ready");
        sim.run(60_000);
    },
    a_machine_that_is_paused_refuses_nobody = |sim| {
        sim.apps[APP1].routed = false;
        sim.run(1_200);
        sim.apps[APP1].paused = true;
        sim.run(40_000);
    },
    // It serves for two of each five seconds.
    a_replica_that_crashes_now_and_then = |sim| {
        for _ in 0..20 {
            fails(sim, APP1);
            sim.run(500);
            sim.start(APP1);
            sim.run(3_000);
        }
    },
);

/// It crashes, is started again four seconds later, and serves for one.
#[test]
fn a_replica_that_serves_for_one_of_five_seconds_is_not_well() {
    let mut sim = Sim::healthy(Tracker, 14);
    sim.apps[APP1].routed = false;
    sim.run(1_200);
    let from = sim.now;
    for _ in 0..16 {
        sim.fails_to_start(APP1, BAD);
        sim.run(4_000);
        sim.start(APP1);
        sim.run(1_000);
    }
    sim.fires(DOES_NOT_START, from, 45_000..=65_000, &["it comes and goes: for 40"]);
}
