//! What looks like a stuck task and is none: every detector stays silent.

use reenact::detect::testing::scenes;

use super::super::{CANCEL_OVERDUE, STUCK_TASK, ZOMBIE_HOLDER};
use super::*;

/// Whether nobody ever fires, and in the end every detector can tell.
fn knows(scene: fn(&mut Sim)) {
    for seed in 50..53 {
        let mut sim = Sim::new(seed);
        scene(&mut sim);
        sim.quiet();
        sim.knows();
    }
}

scenes!(
    knows,
    // Each VM takes nine minutes.
    a_healthy_slow_deploy = |sim| {
        sim.deploy(100, "paasta", 2, Doing::Slow(540 * SCALE));
        sim.run(36_000);
        assert_eq!(sim.tasks[0].state, "done");
    },
    a_bounded_retry_while_cancelling = |sim| {
        sim.deploy(100, "paasta", 2, Doing::Retry(5, 200 * SCALE));
        sim.run(1_000);
        sim.cancel(100);
        sim.run(22_000);
        assert_eq!(sim.tasks[0].state, "error");
    },
    a_cancel_in_the_ping_loop = |sim| {
        sim.deploy(100, "paasta", 2, Doing::Ping);
        sim.run(11_500);
        sim.cancel(100);
        sim.run(3_000);
        assert_eq!(sim.tasks[0].state, "cancelled");
    },
    // As on a machine at its limit: the row goes at once, the event of it comes 0.9 s later
    // and the task's end after that.
    a_task_that_ends_slowly = |sim| {
        sim.deploy(100, "paasta", 1, Doing::Ping);
        sim.run(3_000);
        sim.locks.clear();
        sim.run(900);
        sim.event("release|lock|lock:deployment:paasta|100|paasta|".into());
        sim.run(1_500);
        sim.ends(100, "done");
        sim.run(3_000);
    },
    a_restarted_director_with_a_lock_about_to_expire = |sim| {
        sim.restart_with_a_dead_task();
        sim.run(8_000);
        // Nobody looked at the API: the row is there still.
        assert!(sim.lock().expired < sim.now);
    },
    workers_that_are_all_busy_and_get_on = |sim| {
        for (id, deployment) in [(100, "paasta"), (101, "cf"), (102, "redis"), (103, "other"), (104, "more")] {
            sim.deploy(id, deployment, 1, Doing::Slow(120 * SCALE));
        }
        sim.run(4_000);
        assert_eq!(sim.queue.len(), 2);
        sim.run(20_000);
        assert!(sim.queue.is_empty());
    },
    two_deployments_at_once = |sim| {
        sim.deploy(100, "paasta", 1, Doing::Slow(300 * SCALE));
        sim.deploy(101, "cf", 2, Doing::Ping);
        sim.run(15_000);
    },
    a_deploy_that_finds_the_lock_taken = |sim| {
        sim.deploy(100, "paasta", 1, Doing::Ping);
        sim.run(1_000);
        sim.deploy(101, "paasta", 1, Doing::Ping);
        sim.run(4_000);
        assert_eq!(sim.tasks[1].state, "error");
    },
    a_task_called_timeout_that_lives = |sim| {
        sim.deploy(100, "paasta", 1, Doing::Ping);
        sim.run(2_500);
        sim.database = false;
        sim.run(30 * SCALE + 100);
        assert!(sim.said().why(STUCK_TASK).ends_with("is refused"));
        sim.database = true;
        sim.run(500);
        assert!(!sim.tasks[0].checkpoints && sim.tasks[0].renews);
        sim.run(180 * SCALE);
        sim.task(100).doing = Doing::Slow(100);
        sim.run(10);
        sim.task(100).state = "timeout";
        sim.run(6_000);
        assert_eq!(sim.tasks[0].state, "cancelled");
    },
    calls_of_killed_processes_are_not_in_flight = |sim| {
        sim.deploy(100, "paasta", 3, Doing::Hang);
        sim.run(100);
        sim.kill_all(100);
        sim.task(100).state = "error";
        sim.locks.clear();
        sim.deploy(101, "paasta", 3, Doing::Hang);
        sim.run(4_000);
    },
);

/// On a database that takes seconds for a COMMIT the event of it comes long after the log's line.
#[test]
fn a_task_that_gave_its_lock_back_by_its_log_ends_as_late_as_it_will() {
    for says in [true, false] {
        let mut sim = Sim::new(64);
        sim.deploy(100, "paasta", 1, Doing::Ping);
        sim.run(3_000);
        sim.locks.clear();
        if says {
            sim.say(100, "task:100", "Deleted lock: lock:deployment:paasta uid: uid-1");
        }
        sim.run(2_000);
        assert_eq!(sim.first(ZOMBIE_HOLDER).is_some(), !says, "it says so: {says}");
    }
}

/// Its process is gone before the row is looked at again: for a look it seems to be
/// cancelling without one.
#[test]
fn a_cancelled_task_that_ends_late_by_itself() {
    for seed in 200..240 {
        let mut sim = Sim::new(seed);
        sim.deploy(100, "paasta", 1, Doing::Retry(5, 75 * SCALE));
        sim.run(600);
        sim.cancel(100);
        sim.run(9_000);
        assert_eq!(sim.tasks[0].state, "error");
        sim.quiet();
    }
}

/// The row is the next task's before its acquire event is seen: for a look it seems to be
/// the dead one's, and fresh.
#[test]
fn the_next_deploy_takes_a_dead_tasks_row_over() {
    for seed in 100..160 {
        let mut sim = Sim::new(seed);
        sim.restart_with_a_dead_task();
        sim.run(2_000);
        sim.deploy(163, "paasta", 1, Doing::Ping);
        sim.run(3_000);
        sim.quiet();
    }
}

#[test]
fn a_database_that_is_away_while_a_task_hangs() {
    let mut sim = Sim::stuck(61);
    sim.run(8_000);
    sim.database = false;
    sim.run(1_900);
    let said = sim.said();
    said.quiet();
    for id in [STUCK_TASK, CANCEL_OVERDUE] {
        assert!(said.why(id).ends_with("is refused"), "{id}: {}", said.why(id));
    }
}

#[test]
fn calls_that_hang_in_several_subnets_are_no_subnets_fault() {
    let mut sim = Sim::new(62);
    sim.deploy(100, "paasta", 3, Doing::Hang);
    sim.deploy(101, "cf", 2, Doing::Hang);
    sim.run(14_000);
    assert_eq!(sim.diagnoses(), [STUCK_TASK]);
}

#[test]
fn a_log_that_is_not_seen_is_no_silence() {
    let mut sim = Sim::new(63);
    sim.deploy(100, "paasta", 1, Doing::Ping);
    sim.run(2_000);
    sim.logs = false;
    sim.cancel(100);
    sim.task(100).doing = Doing::Sit;
    sim.run(26_000);
    let said = sim.said();
    said.quiet();
    for id in [STUCK_TASK, CANCEL_OVERDUE] {
        assert_eq!(said.why(id), "task 100: its debug log is not seen");
    }
}
