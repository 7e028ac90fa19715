//! Over streams that nobody wrote by hand.

use reenact::detect::testing::Life;

use super::super::{DUPLICATES, EXITED_BUSY, KILLED_BUSY, LOST_WORK, OOM_KILLED_BUSY, OUTBOX_STALLED, OVERDUE};
use super::*;

const RIGHT: [Variant; 2] = [Tracker, Outbox];
const FAULTY: [Variant; 7] = [Spawn, Queue, Simple, Pool, Pool40, WaitNoAwait, AwaitOnly];

fn any_of(variants: &[Variant], seed: u64) -> Variant {
    variants[seed as usize % variants.len()]
}

/// What happens to a service that is made right, in its daily life.
pub(super) const LIFE: Life<Sim> = Life {
    new: |seed| Sim::with(any_of(&RIGHT, seed), seed, |sim| sim.every = 40),
    daily: &[
        (|sim, n| sim.run(n), 4_000),
        (restart, 4_000),
        (pause, 4_000),
        (lose_the_database, 6_000),
        (kill_and_start, 6_000),
    ],
    calm: 4_000,
    loss: 60,
    cases: 32,
};

/// A deployment: stopped, and started again later.
fn restart(sim: &mut Sim, off: u64) {
    let app = off as usize % 2;
    sim.sigterm(app, 30_000);
    sim.run(1_500 + off);
    sim.start(app);
}

fn pause(sim: &mut Sim, lasts: u64) {
    let app = lasts as usize % 2;
    sim.apps[app].paused = true;
    sim.run(lasts);
    sim.apps[app].paused = false;
}

fn lose_the_database(sim: &mut Sim, lasts: u64) {
    sim.database = false;
    sim.run(lasts);
    sim.database = true;
}

/// Only an outbox loses nothing by it; any other is unrouted and idle before.
fn kill_and_start(sim: &mut Sim, off: u64) {
    let app = off as usize % 2;
    if sim.variant != Outbox {
        sim.apps[app].routed = false;
        sim.run(1_500);
    }
    sim.kill(app, off % 4 < 2);
    sim.run(off);
    sim.start(app);
    sim.apps[app].routed = true;
}

#[test]
fn daily_life_never_fires() {
    LIFE.never_fires(4);
}

#[test]
fn a_faulty_shutdown_is_diagnosed_until_it_is_replayed() {
    let new = |seed| Sim::with(any_of(&FAULTY, seed), seed, |sim| sim.work = 500);
    LIFE.of(new).holds(60, 0, |sim, number| {
        sim.run(number % 3_000);
        sim.sigterm(APP1, 30_000);
        let from = sim.now;
        sim.run(8_000);
        assert_eq!(sim.diagnoses(), [EXITED_BUSY, LOST_WORK]);
        sim.fires(EXITED_BUSY, from, 0..=3_000, &[]);
        sim.replay();
        sim.run(2_000);
        assert_eq!(sim.firing(), [""; 0]);
    });
}

/// A diagnosis of an end is of one cause, and rows are in one state.
#[test]
fn who_fires_has_evidence_whatever_the_order() {
    let new = |seed| Sim::with(any_of(&[&RIGHT[..], &FAULTY, &[AckFirst]].concat(), seed), seed, |sim| sim.every = 40);
    let ends: [fn(&mut Sim); 3] =
        [|sim| sim.sigterm(APP1, 30_000), |sim| sim.kill(APP1, false), |sim| sim.kill(APP1, true)];
    let exclude: [&[&str]; 2] = [&[EXITED_BUSY, KILLED_BUSY, OOM_KILLED_BUSY], &[LOST_WORK, OUTBOX_STALLED, OVERDUE]];
    LIFE.of(new).has_evidence_in_any_order(&ends, 10_000, has_its_evidence, &exclude);
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
