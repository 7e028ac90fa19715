//! The sheet's table of variants: which detectors fire for each of them, on the way and
//! in the end.

use super::super::{EXITED_BUSY, KILLED_BUSY, LOST_WORK, OUTBOX_STALLED};
use super::*;

/// How an instance ends.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// SIGTERM, and this grace.
    Term(u64),
    Kill,
    /// SIGTERM does not arrive (a shell is PID 1): SIGKILL after this grace.
    Deaf(u64),
    /// No handler: the kernel's default at once.
    Default,
}

struct Case {
    variant: Variant,
    set: fn(&mut Sim),
    stop: Stop,
    expected: &'static [&'static str],
}

const BOTH: &[&str] = &[EXITED_BUSY, LOST_WORK];
const KILLED: &[&str] = &[KILLED_BUSY, LOST_WORK];

fn usual(_: &mut Sim) {}

/// A queue that grows: the workers are too slow by half.
fn backlog(sim: &mut Sim) {
    sim.work = 300;
}

fn long_work(sim: &mut Sim) {
    (sim.work, sim.age_limit, sim.drain) = (4_000, 6_000, 1_000);
}

/// A load that two replicas bear and one does not, and claims that are given up.
fn short_drain(sim: &mut Sim) {
    (sim.work, sim.every, sim.drain) = (1_000, 200, 300);
}

fn long_work_long_drain(sim: &mut Sim) {
    (sim.work, sim.age_limit, sim.drain) = (4_000, 6_500, 25_000);
}

const fn case(variant: Variant, set: fn(&mut Sim), stop: Stop, expected: &'static [&'static str]) -> Case {
    Case { variant, set, stop, expected }
}

const TABLE: [Case; 24] = [
    case(Spawn, usual, Stop::Term(30_000), BOTH),
    case(Spawn, long_work, Stop::Term(30_000), BOTH),
    case(Spawn, usual, Stop::Kill, KILLED),
    case(Spawn, usual, Stop::Deaf(2_000), KILLED),
    case(Spawn, usual, Stop::Default, KILLED),
    case(Queue, usual, Stop::Term(30_000), BOTH),
    case(Queue, backlog, Stop::Term(30_000), BOTH),
    case(Queue, backlog, Stop::Kill, KILLED),
    case(Tracker, usual, Stop::Term(30_000), &[]),
    case(Tracker, long_work, Stop::Term(30_000), BOTH),
    case(Tracker, long_work_long_drain, Stop::Term(2_000), KILLED),
    case(Tracker, usual, Stop::Kill, KILLED),
    case(Outbox, usual, Stop::Term(30_000), &[]),
    case(Outbox, usual, Stop::Kill, &[]),
    case(Outbox, short_drain, Stop::Term(30_000), &[]),
    case(AckFirst, usual, Stop::Term(30_000), &[]),
    case(AckFirst, usual, Stop::Kill, KILLED),
    case(Simple, usual, Stop::Term(30_000), BOTH),
    case(Pool, backlog, Stop::Term(30_000), BOTH),
    case(Pool40, usual, Stop::Term(30_000), BOTH),
    case(WaitNoAwait, usual, Stop::Term(30_000), BOTH),
    case(AwaitOnly, backlog, Stop::Term(30_000), BOTH),
    case(WaitAwait, backlog, Stop::Term(30_000), &[]),
    case(WaitAwait, backlog, Stop::Term(300), KILLED),
];

fn stop(sim: &mut Sim, app: usize, how: Stop) {
    match how {
        Stop::Term(grace) => {
            sim.apps[app].routed = false;
            sim.sigterm(app, grace);
        }
        Stop::Kill => sim.kill(app, false),
        Stop::Deaf(grace) => sim.apps[app].grace = Some(sim.now + grace),
        Stop::Default => sim.end(app, 143, false),
    }
}

#[test]
fn each_variant_has_its_diagnoses_and_loses_them_by_a_replay() {
    for (index, Case { variant, set, stop: how, expected }) in TABLE.into_iter().enumerate() {
        let mut sim = Sim::with(variant, index as u64 + 1, set);
        let name = format!("{index}: {variant:?} {how:?}");
        assert_eq!(sim.diagnoses(), [""; 0], "{name}");
        stop(&mut sim, APP1, how);
        let ends = sim.now + if let Stop::Deaf(grace) = how { grace } else { 3_000 };
        sim.run(14_000);
        let said = sim.said();
        assert_eq!((said.firing(), said.diagnoses()), (expected.to_vec(), expected.to_vec()), "{name}");
        assert_eq!(sim.lost(APP1) > 0, !expected.is_empty(), "{name}");
        if !expected.is_empty() {
            let first = said.fired.iter().find(|(id, _)| **id != LOST_WORK).expect("a diagnosis of the end");
            assert!(first.1.0.0 <= ends + 2_000, "{name}: {first:?}");
            assert!(said.fired[LOST_WORK].0 > first.1.0, "{name}: before the age limit only the end can tell");
        }
        sim.replay();
        sim.run(1_000);
        assert_eq!(sim.firing(), [""; 0], "{name}");
    }
}

#[test]
fn an_outbox_of_which_all_replicas_are_killed_is_stalled_until_one_runs() {
    for (seed, stop_by) in [(40, Stop::Kill), (41, Stop::Default), (42, Stop::Term(30_000)), (43, Stop::Kill)] {
        let mut sim = Sim::with(Outbox, seed, |sim| sim.work = 400);
        sim.run(2_000);
        for app in [APP1, APP2] {
            stop(&mut sim, app, stop_by);
        }
        let from = sim.now;
        sim.run(10_000);
        assert_eq!(sim.diagnoses(), [OUTBOX_STALLED]);
        assert_eq!(sim.firing(), [OUTBOX_STALLED]);
        let lines =
            ["rows are without their effect and older than 3000 ms", "a restart is enough", "none of 2 instances"];
        sim.fires(OUTBOX_STALLED, from, 3_000..=7_500, &lines);
        sim.every = 100;
        sim.start(if seed == 43 { APP2 } else { APP1 });
        sim.run(700);
        assert_eq!(sim.firing(), [""; 0], "any replica is right");
        sim.run(30_000);
        assert_eq!(sim.lost(APP1) + sim.lost(APP2), sim.apps.iter().map(|app| app.works.len()).sum::<usize>());
        assert_eq!(sim.diagnoses(), [OUTBOX_STALLED]);
    }
}

#[test]
fn of_ackfirst_a_restart_brings_all_but_what_was_claimed() {
    let mut sim = Sim::with(AckFirst, 44, |sim| sim.work = 400);
    sim.run(2_000);
    sim.kill(APP1, false);
    sim.kill(APP2, false);
    sim.run(5_500);
    assert_eq!(sim.firing(), KILLED);
    assert!(sim.lost(APP1) + sim.lost(APP2) > 16);
    sim.every = 200;
    sim.start(APP1);
    sim.start(APP2);
    sim.run(14_000);
    assert_eq!(sim.firing(), KILLED);
    assert_eq!(sim.diagnoses(), KILLED);
    assert!((16..24).contains(&(sim.lost(APP1) + sim.lost(APP2))));
    sim.replay();
    sim.run(1_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn ackfirst_that_drained_and_has_no_replica_left_is_stalled() {
    let mut sim = Sim::with(AckFirst, 45, |sim| sim.work = 400);
    sim.run(2_000);
    stop(&mut sim, APP1, Stop::Term(30_000));
    stop(&mut sim, APP2, Stop::Term(30_000));
    sim.run(9_000);
    assert_eq!(sim.diagnoses(), [OUTBOX_STALLED]);
}
