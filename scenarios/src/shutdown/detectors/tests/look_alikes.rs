//! What looks like a loss and is none: every detector stays silent.

use reenact::{
    detect::{Verdict, testing::scenes},
    probe::Moment,
};

use super::super::{EXITED_BUSY, KILLED_BUSY, LOST_WORK};
use super::*;

/// For each variant, nobody ever fires, and in the end all can tell.
fn knows(variants: &[Variant], scene: fn(&mut Sim)) {
    for (seed, variant) in (50..).zip(variants) {
        let mut sim = Sim::healthy(*variant, seed);
        scene(&mut sim);
        sim.quiet();
        sim.knows();
    }
}

scenes!(
    |(variants, scene): (&[Variant], _)| knows(variants, scene),
    a_healthy_service_has_young_rows_and_rows_that_are_never_flagged =
        (&[Spawn, Queue, Tracker, Outbox, AckFirst, Pool, WaitAwait], |sim| {
            sim.run(8_000);
            assert!(sim.rows.iter().filter(|row| !row.flag).count() > 50);
        }),
    a_drain_that_completes_and_drops_its_telemetry = (&[Tracker, WaitAwait, Outbox], |sim| {
        sim.sigterm(APP1, 30_000);
        sim.run(8_000);
        assert!(sim.apps[APP1].exit.is_some());
    }),
    a_rolling_restart = (&[Tracker, Outbox, WaitAwait], |sim| {
        for app in [APP1, APP2, APP1, APP2] {
            sim.apps[app].routed = false;
            sim.sigterm(app, 30_000);
            sim.run(2_500);
            sim.start(app);
            sim.apps[app].routed = true;
            sim.run(2_500);
        }
        sim.run(4_000);
    }),
    a_database_that_is_away_for_a_while = (&[Tracker, Outbox], |sim| {
        for _ in 0..2 {
            sim.database = false;
            sim.run(6_000);
            assert_eq!(sim.said().why(LOST_WORK), "sql:reconcile is refused");
            sim.database = true;
            sim.run(5_000);
        }
    }),
    a_database_that_is_away_during_a_drain_that_retries = (&[Tracker], |sim| {
        sim.sigterm(APP1, 30_000);
        sim.run(100);
        sim.database = false;
        sim.run(4_000);
        assert!(sim.apps[APP1].exit.is_none(), "it waits for its work");
        sim.database = true;
        sim.run(8_000);
    }),
    a_paused_replica_that_is_back_in_time = (&[Spawn], |sim| {
        sim.apps[APP1].paused = true;
        sim.run(6_000);
        sim.apps[APP1].paused = false;
        sim.run(6_000);
    }),
    telemetry_is_in_no_gauge_that_counts = (&[Spawn], |sim| {
        sim.apps[APP1].routed = false;
        sim.run(1_000);
        sim.sigterm(APP1, 30_000);
        sim.run(5_000);
        let last = "graceful shutdown complete (requests), bg_inflight=0 queued=0 telemetry=3";
        assert!(sim.seen.iter().any(|seen| seen.is_log_with(&[last])));
    }),
);

#[test]
fn every_exit_code_with_nothing_pending() {
    for (code, oom) in [(0, false), (1, false), (137, false), (137, true), (139, false), (143, false)] {
        for logs_work in [true, false] {
            let mut sim = Sim::with(Spawn, 53, |sim| sim.logs_work = logs_work);
            sim.apps[APP1].routed = false;
            sim.run(1_200);
            sim.end(APP1, code, oom);
            sim.run(6_000);
            sim.quiet();
            sim.knows();
        }
    }
}

/// All was done, but the process hangs on.
#[test]
fn a_drain_that_is_over_when_the_grace_is() {
    for (logs_work, says_zero) in [(true, true), (true, false), (false, true)] {
        let mut sim = Sim::with(Tracker, 54, |sim| sim.logs_work = logs_work);
        sim.sigterm(APP1, 30_000);
        sim.apps[APP1].works.clear();
        sim.rows.iter_mut().for_each(|row| row.flag |= row.app == APP1);
        for id in 0..sim.rows.len() {
            sim.say(APP1, format!("work done id={id}"));
        }
        if says_zero {
            sim.say(APP1, "drain complete, bg_inflight=0 queued=0 telemetry=9".into());
        }
        sim.apps[APP1].phase = Phase::Stopping(u64::MAX, u64::MAX);
        sim.run(2_000);
        sim.kill(APP1, false);
        sim.run(6_000);
        sim.quiet();
        sim.knows();
    }
}

/// So slow that rows are overdue before they are done.
#[test]
fn an_outbox_that_loses_a_replica_while_another_works_the_rows_off() {
    for end in [|sim: &mut Sim| sim.kill(APP1, false), |sim: &mut Sim| sim.sigterm(APP1, 30_000)] {
        let mut sim = Sim::with(Outbox, 55, |sim| sim.work = 300);
        sim.run(6_000);
        end(&mut sim);
        sim.every = 100;
        sim.run(25_000);
        sim.quiet();
        sim.knows();
        assert_eq!(sim.lost(APP1), 0);
    }
}

#[test]
fn a_backlog_that_grows_is_late_and_neither_lost_nor_stuck() {
    let mut sim = Sim::with(Queue, 56, |sim| sim.work = 300);
    sim.run(15_000);
    assert!(matches!(sim.reconcile().get("app1.overdue").map(str::parse::<u64>), Some(Ok(20..))));
    sim.quiet();
}

#[test]
fn a_replica_that_is_started_late_or_never() {
    let mut sim = Sim::healthy(Tracker, 59);
    sim.seen.retain(|seen| seen.node != "app2");
    sim.emit("app2", machine(false, false, None));
    sim.run(10);
    sim.seen.retain(|seen| seen.node != "app2" || matches!(seen.signal, Signal::Machine { .. }));
    sim.quiet();
}

#[test]
fn looks_at_machines_that_fail() {
    let mut sim = Sim::healthy(Spawn, 60);
    let from = Moment(sim.now);
    sim.run(8_000);
    for seen in sim.seen.iter_mut().filter(|seen| seen.at > from) {
        if matches!(seen.signal, Signal::Machine { .. }) {
            seen.signal = Signal::Blind { probe: "machine".into(), why: "the daemon does not answer".into() };
        }
    }
    let said = sim.said();
    said.quiet();
    for id in [EXITED_BUSY, KILLED_BUSY] {
        assert!(matches!(said.last[id], Verdict::Unknown { .. }), "{id}: {:?}", said.last[id]);
    }
}
