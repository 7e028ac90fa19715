//! Every diagnosis is made in time and with its evidence.

use std::ops::RangeInclusive;

use super::super::{DUPLICATES, EXITED_BUSY, KILLED_BUSY, LOST_WORK, OOM_KILLED_BUSY, OVERDUE};
use super::*;

/// An end is seen within a look and a half, and its hold is one second.
const AT_ONCE: RangeInclusive<u64> = 1_000..=1_800;
/// The age limit, its hold, and what lies between; the newest row is as old as the end.
const AFTER_LIMIT: RangeInclusive<u64> = 3_000..=5_000;

#[test]
fn the_incident() {
    for seed in 1..12 {
        let mut sim = Sim::healthy(Spawn, seed);
        let from = sim.now;
        sim.sigterm(APP1, 30_000);
        sim.run(7_000);
        let lost = sim.lost(APP1);
        assert!((18..=26).contains(&lost), "rate x work time, less the telemetry: {lost}");
        let lines = [
            "app1: exit code 0, which proves nothing",
            "works not done after it: graceful shutdown complete (requests), bg_inflight=2",
        ];
        sim.fires(EXITED_BUSY, from, AT_ONCE, &lines);
        let lines = [
            "rows are without their effect and older than 3000 ms",
            "app1: they were created within 0.",
            "before its machine finished",
            "app1: exit code 0, which proves nothing",
        ];
        sim.fires(LOST_WORK, from, AFTER_LIMIT, &lines);
        assert_eq!(sim.diagnoses(), [EXITED_BUSY, LOST_WORK]);
        let said = sim.said();
        let evidence = said.evidence(LOST_WORK);
        assert!(evidence[0].starts_with(&format!("app1: {lost} rows")), "{evidence:#?}");
        assert_eq!(evidence.len(), 3, "{evidence:#?}");
    }
}

#[test]
fn kills_are_told_apart_by_want_of_memory() {
    for (oom, id, line) in
        [(false, KILLED_BUSY, "SIGKILL, after its grace or without any"), (true, OOM_KILLED_BUSY, "for want of memory")]
    {
        let mut sim = Sim::healthy(Tracker, 20);
        let from = sim.now;
        sim.kill(APP2, oom);
        sim.run(6_000);
        let lines = ["app2: exit code 137", line, "works begun and not ended", "app2: it said nothing of a shutdown"];
        sim.fires(id, from, AT_ONCE, &lines);
        sim.fires(LOST_WORK, from, AFTER_LIMIT, &["exit code 137", line]);
        assert_eq!(BTreeSet::from_iter(sim.diagnoses()), BTreeSet::from([LOST_WORK, id]));
    }
}

#[test]
fn a_grace_that_is_overrun_shows_by_the_last_word() {
    let mut sim = Sim::with(Tracker, 21, |sim| (sim.work, sim.age_limit) = (4_000, 7_000));
    sim.sigterm(APP1, 2_000);
    let from = sim.now + 2_000;
    sim.run(6_000);
    sim.fires(KILLED_BUSY, from, AT_ONCE, &["its last word: graceful shutdown complete (requests), bg_inflight="]);
    assert_eq!(sim.diagnoses(), [KILLED_BUSY]);
}

#[test]
fn without_lines_about_works_the_gauges_tell() {
    let mut sim = Sim::with(Spawn, 22, |sim| sim.logs_work = false);
    let from = sim.now;
    sim.kill(APP1, false);
    sim.run(6_000);
    sim.fires(KILLED_BUSY, from, AT_ONCE, &["its last gauges: bg_inflight=", "bg_queued=0"]);
    assert_eq!(sim.diagnoses(), [KILLED_BUSY, LOST_WORK]);
}

#[test]
fn without_any_log_the_rows_tell_as_soon_as_nobody_takes_them_up() {
    let mut sim = Sim::with(Spawn, 23, |sim| sim.logs = false);
    let from = sim.now;
    sim.kill(APP1, false);
    sim.run(12_000);
    assert_eq!(sim.diagnoses(), [LOST_WORK]);
    sim.fires(LOST_WORK, from, 8_000..=10_000, &["from 0.", "exit code 137"]);
    // With nobody there, nothing can be told.
    sim.kill(APP2, false);
    sim.run(4_000);
    assert!(sim.said().why(LOST_WORK).contains("whether they are kept durably is not known"));
}

#[test]
fn a_loss_stays_known_through_restarts_until_it_is_replayed() {
    for quick in [false, true] {
        let mut sim = Sim::healthy(Spawn, 24);
        sim.sigterm(APP1, 30_000);
        sim.run(if quick { 40 } else { 1_000 });
        let missed = sim.now;
        sim.start(APP1);
        sim.run(9_000);
        if quick {
            // No look fell into the moment in which the machine was off.
            sim.seen.retain(|seen| !matches!(seen.signal, Signal::Machine { running: false, .. }));
        }
        assert_eq!(sim.firing(), [EXITED_BUSY, LOST_WORK], "quick: {quick}, {missed}");
        // A second loss beside it.
        sim.sigterm(APP1, 30_000);
        sim.run(5_500);
        assert_eq!(sim.firing(), [EXITED_BUSY, LOST_WORK]);
        assert_eq!(sim.diagnoses(), [EXITED_BUSY, LOST_WORK]);
        sim.replay();
        sim.run(1_000);
        assert_eq!(sim.firing(), [""; 0]);
        sim.start(APP1);
        sim.run(4_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn work_that_failed_for_good_is_overdue_and_not_lost() {
    let mut sim = Sim::healthy(Spawn, 25);
    sim.database = false;
    sim.run(1_500);
    sim.database = true;
    let from = sim.now;
    sim.run(10_000);
    sim.fires(OVERDUE, from, 6_000..=9_000, &["none of them was done for 5 s", "it runs"]);
    assert_eq!(sim.diagnoses(), [OVERDUE]);
    // Its shutdown takes more, which is told apart from what had failed before.
    sim.sigterm(APP1, 30_000);
    sim.run(6_000);
    assert_eq!(sim.firing(), [EXITED_BUSY, LOST_WORK, OVERDUE], "app2's rows are stuck still");
    let others = "of them were overdue, or had failed, before its end";
    assert!(sim.said().evidence(LOST_WORK).iter().any(|line| line.contains(others)));
    sim.replay();
    sim.run(1_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn work_that_had_failed_just_before_the_end_is_not_lost_by_it() {
    let mut sim = Sim::healthy(Spawn, 26);
    sim.database = false;
    sim.run(700);
    sim.database = true;
    sim.apps[APP1].routed = false;
    sim.run(600);
    sim.sigterm(APP1, 30_000);
    sim.run(12_000);
    assert_eq!(sim.diagnoses(), [OVERDUE]);
    let lines = ["app1: it does not run, and they were overdue before its end", "app2: it runs"];
    let said = sim.said();
    let evidence = said.evidence(OVERDUE);
    assert!(lines.iter().all(|line| evidence.iter().any(|seen| seen == line)), "{evidence:#?}");
}

#[test]
fn a_paused_replica_leaves_its_work_overdue() {
    let mut sim = Sim::healthy(Spawn, 27);
    sim.apps[APP1].paused = true;
    let from = sim.now;
    sim.run(12_000);
    sim.fires(OVERDUE, from, 7_000..=9_500, &["app1: its machine is paused"]);
    assert_eq!(sim.diagnoses(), [OVERDUE]);
}

#[test]
fn works_done_twice() {
    let mut sim = Sim::healthy(Tracker, 28);
    let ids: Vec<_> = sim.rows.iter().filter(|row| row.flag).take(7).map(|row| row.id).collect();
    let from = sim.now;
    ids.into_iter().for_each(|id| sim.effect(id));
    sim.run(1_000);
    sim.fires(DUPLICATES, from, 0..=350, &["7 requests have more than one effect"]);
    assert_eq!(sim.diagnoses(), [DUPLICATES]);
}

#[test]
fn a_replay_of_everything_after_the_incident() {
    let mut sim = Sim::healthy(Spawn, 29);
    sim.sigterm(APP1, 30_000);
    sim.run(6_000);
    let ids: Vec<_> = sim.rows.iter().filter(|row| row.is_order).map(|row| row.id).collect();
    ids.into_iter().for_each(|id| sim.effect(id));
    sim.run(2_000);
    assert_eq!(sim.firing(), [DUPLICATES]);
}

#[test]
fn tasks_that_were_interrupted_count_where_the_gauges_say_zero() {
    // So few that none is queued, and the interrupted ones have ended with the context.
    let mut sim = Sim::with(Pool, 30, |sim| (sim.work, sim.every) = (300, 60));
    sim.sigterm(APP1, 30_000);
    let from = sim.now;
    sim.run(6_000);
    let lines = ["works were interrupted by its shutdown", "exit code 143, which proves nothing"];
    sim.fires(EXITED_BUSY, from, AT_ONCE, &lines);
    assert_eq!(sim.diagnoses(), [EXITED_BUSY, LOST_WORK]);
}
