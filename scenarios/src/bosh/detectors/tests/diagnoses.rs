//! Every diagnosis is made in time and with its evidence.

use super::super::{
    CANCEL_OVERDUE, DOUBLE_CREATE, LEAKED_VMS, STALE_LOCK, STARVATION, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER,
};
use super::*;

#[test]
fn the_incident() {
    for seed in 1..6 {
        let mut sim = Sim::stuck(seed);
        let from = sim.now;
        sim.run(2_000);
        sim.cancel(100);
        let cancelled = sim.now;
        sim.run(14_000);
        let lines = [
            "lock:deployment:paasta: task 100 holds it, by its acquire event 1",
            "task 100: it is cancelling, and its process lives (worker_1, pid ",
            "nothing but renewals and checkpoints for 13.",
            "create_vm cpi-",
        ];
        sim.fires(STUCK_TASK, from, 12_000..=13_700, &lines);
        let lines = ["task 100: it is cancelling for 6.", "to where it would notice"];
        sim.fires(CANCEL_OVERDUE, cancelled, 6_000..=6_600, &lines);
        let lines = ["3 create_vm hang", "all of them in 10.0.3.0/24 of z3", "0 VMs are in", "at 10.0.3.11 in z3"];
        sim.fires(WRONG_SUBNET, from, 12_000..=12_600, &lines);
        assert_eq!(sim.diagnoses(), [CANCEL_OVERDUE, STUCK_TASK, WRONG_SUBNET]);
    }
}

#[test]
fn the_second_deploy_takes_over_and_hangs_alike() {
    let mut sim = Sim::stuck(10);
    sim.run(2_000);
    // Its row expires without a renewal, as when the database was away for one.
    sim.task(100).renews = false;
    sim.run(5_000);
    sim.deploy(163, "paasta", 3, Doing::Hang);
    let from = sim.now;
    sim.run(3_000);
    let lines = ["in flight: cpi-", " of task 163 (pid "];
    sim.fires(DOUBLE_CREATE, from, 500..=1_300, &lines);
    sim.run(12_000);
    let lines = [
        "lock:deployment:paasta: task 163 holds it, by its acquire event 2",
        "`locks` names task 100, which does not hold it",
    ];
    let said = sim.said();
    said.fires(STUCK_TASK, from, 0..=13_700, &[]);
    let evidence = said.evidence(STUCK_TASK);
    assert!(lines.iter().all(|line| evidence.iter().any(|seen| seen.ends_with(line))), "{evidence:#?}");
    assert!(said.evidence(ZOMBIE_HOLDER)[0].starts_with("task 100: lock:deployment:paasta is not its any more"));
    assert_eq!(said.firing(), [STUCK_TASK, DOUBLE_CREATE, WRONG_SUBNET, ZOMBIE_HOLDER]);
}

#[test]
fn a_deleted_lock_makes_a_zombie_before_its_next_renewal() {
    let mut sim = Sim::stuck(11);
    sim.run(2_500);
    sim.locks.clear();
    let from = sim.now;
    sim.run(2_250);
    let lines = ["its row is gone or has expired", "task 100: it is processing", "create_vm cpi-"];
    sim.fires(ZOMBIE_HOLDER, from, 1_200..=1_900, &lines);
    assert!(sim.tasks[0].renews, "it has not learned of it");
    sim.run(10_000);
    assert_eq!(sim.tasks[0].state, "cancelling");
    assert_eq!(sim.firing(), [CANCEL_OVERDUE, WRONG_SUBNET, ZOMBIE_HOLDER]);
}

#[test]
fn a_suspended_task_whose_lock_expires() {
    let mut sim = Sim::new(12);
    sim.deploy(100, "paasta", 1, Doing::Ping);
    sim.run(3_000);
    sim.task(100).suspended = true;
    sim.run(6_000);
    assert_eq!(sim.diagnoses(), [ZOMBIE_HOLDER]);
    sim.deploy(163, "paasta", 1, Doing::Ping);
    sim.run(1_000);
    // It goes on, finds its lock lost, and itself cancelled.
    sim.task(100).suspended = false;
    sim.run(1_000);
    assert_eq!(sim.tasks[0].state, "cancelled");
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn a_killed_task_leaves_its_lock_and_its_calls() {
    let mut sim = Sim::stuck(13);
    sim.run(2_600);
    let from = sim.now;
    sim.kill(100);
    sim.run(2_500);
    let lines = [
        "lock:deployment:paasta: task 100 holds it, by its acquire event 1",
        "task 100: it is processing, and has no process for ",
        "nobody renews it; it expires in ",
        "outlives it (pid ",
    ];
    sim.fires(STALE_LOCK, from, 600..=1_400, &lines);
    assert_eq!(sim.diagnoses(), [STALE_LOCK]);
    // About to expire, it is waited for.
    sim.run(1_500);
    assert_eq!(sim.firing(), [""; 0]);
    // An orphan that finishes after all.
    sim.answer_calls(100, true);
    let from = sim.now;
    sim.run(2_000);
    let lines = ["paasta/u1 of paasta has 10.0.3.11, and the director does not know it"];
    sim.fires(LEAKED_VMS, from, 1_500..=2_000, &lines);
    assert_eq!(sim.firing(), [LEAKED_VMS]);
}

#[test]
fn a_killed_task_that_its_worker_called_failed_leaves_its_lock_too() {
    let mut sim = Sim::stuck(14);
    sim.run(2_600);
    sim.kill_all(100);
    sim.task(100).state = "error";
    sim.run(2_000);
    assert_eq!(sim.diagnoses(), [STALE_LOCK]);
}

#[test]
fn workers_that_all_hang_starve_the_queue() {
    let mut sim = Sim::new(15);
    for (id, deployment) in [(100, "paasta"), (101, "cf"), (102, "redis")] {
        sim.deploy(id, deployment, 3, Doing::Hang);
    }
    sim.run(8_000);
    sim.deploy(103, "other", 1, Doing::Ping);
    let from = sim.now;
    sim.run(4_000);
    let lines = ["1 jobs wait for a worker, the oldest for ", "worker_2: it is at task 101, which has not got on for "];
    sim.fires(STARVATION, from, 2_600..=3_200, &lines);
    assert_eq!(sim.diagnoses(), [STARVATION]);
}

/// They are cut off from the database, and see late that they are not any more.
#[test]
fn a_queue_beside_idle_workers_starves_once_they_should_have_noticed() {
    let mut sim = Sim::new(17);
    sim.deaf = true;
    sim.deploy(100, "paasta", 1, Doing::Ping);
    let from = sim.now;
    sim.run(10_500);
    assert_eq!(sim.diagnoses(), [""; 0]);
    sim.run(2_500);
    sim.fires(STARVATION, from, 11_300..=12_500, &["worker_1: it has no task, and takes none"]);
    assert_eq!(sim.diagnoses(), [STARVATION]);
}

#[test]
fn a_queue_without_workers_starves() {
    let mut sim = Sim::new(16);
    sim.workers = vec![false; 3];
    sim.deploy(100, "paasta", 1, Doing::Ping);
    let from = sim.now;
    sim.run(4_000);
    sim.fires(STARVATION, from, 2_600..=3_200, &["worker_1: it does not run"]);
    assert_eq!(sim.diagnoses(), [STARVATION]);
}

#[test]
fn a_task_that_sits_without_any_call_is_stuck_later() {
    let mut sim = Sim::new(17);
    sim.deploy(100, "paasta", 1, Doing::Sit);
    let from = sim.now;
    sim.run(21_000);
    sim.fires(STUCK_TASK, from, 18_000..=19_700, &["nothing but renewals"]);
    assert_eq!(sim.diagnoses(), [STUCK_TASK]);
}

#[test]
fn a_cancel_that_takes_too_long_is_overdue_whatever_the_task_does() {
    let mut sim = Sim::new(18);
    sim.deploy(100, "paasta", 1, Doing::Retry(99, 2_000));
    sim.run(1_000);
    sim.cancel(100);
    let from = sim.now;
    sim.run(38_000);
    sim.fires(CANCEL_OVERDUE, from, 36_000..=36_800, &["it has not come to an end"]);
    assert_eq!(sim.diagnoses(), [CANCEL_OVERDUE]);
}

#[test]
fn a_cancel_of_a_dead_task_waits_for_its_worker() {
    let mut sim = Sim::stuck(19);
    sim.run(2_600);
    sim.cancel(100);
    sim.kill_all(100);
    let from = sim.now;
    sim.run(9_000);
    sim.fires(CANCEL_OVERDUE, from, 6_000..=6_600, &["it has no process that could end it"]);
    assert_eq!(sim.firing(), [CANCEL_OVERDUE]);
    assert_eq!(sim.diagnoses(), [CANCEL_OVERDUE, STALE_LOCK]);
}

#[test]
fn without_events_the_owner_shows_by_the_mark_in_its_log() {
    let mut sim = Sim::stuck(40);
    sim.run(16_000);
    for seen in &mut sim.seen {
        if let Signal::Query { of, answer: Answer::Values { values } } = &mut seen.signal {
            values.retain(|_, _| of != "sql:events");
        }
    }
    let by_its_log = "lock:deployment:paasta: task 100 holds it, by the uid in its log";
    assert_eq!(sim.said().evidence(STUCK_TASK)[0], by_its_log);
    // Nor by that: then nobody can be blamed.
    sim.seen.retain(|seen| !seen.is_log_with(&["UPDATE \"locks\""]));
    assert_eq!(sim.said().why(STUCK_TASK), "lock:deployment:paasta: whose it is is not known");
}

#[test]
fn a_task_called_timeout_that_hangs_is_stuck() {
    let mut sim = Sim::stuck(41);
    sim.run(2_000);
    sim.task(100).checkpoints = false;
    sim.run(4_000);
    sim.task(100).state = "timeout";
    sim.run(9_000);
    assert!(sim.said().evidence(STUCK_TASK)[1].starts_with("task 100: it is timeout, and its process lives"));
    assert_eq!(sim.diagnoses(), [STUCK_TASK, WRONG_SUBNET]);
}
