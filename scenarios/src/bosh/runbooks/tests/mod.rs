//! The guards of the runbooks, over a director in memory and in virtual time: each state in
//! which a runbook must refuse, and for each guard a race that only the guard survives.

mod fake;
mod hands;
mod later;

use reenact::runbook::Conclusion;

use self::{
    fake::{HELD, Lock, Process, World},
    hands::{called, refuses},
};
use super::{
    super::Pace, CancelAgain, DeleteLock, EndStuckTask, EndZombie, FreeWorkers, KillNamedTask, NextDeploy, SetClocks,
};

const PACE: Pace = Pace::PLAIN;
const DELETE: DeleteLock = DeleteLock { forced: false };

/// Task 100 hangs, and holds the lock.
fn stuck() -> World {
    World::default().hanging(100, "processing").locked(HELD, &[("acquire", 100)])
}

/// Task 163 has taken the lock of task 100 over, which hangs on; the row still names 100.
fn taken_over() -> World {
    let lock = Lock { uid: "u163", ..HELD };
    let events = [("acquire", 100), ("acquire", 163), ("lost", 100)];
    World::default().hanging(100, "cancelling").hanging(163, "processing").locked(lock, &events)
}

/// The holder is dead, and so is all that it had begun.
fn dead() -> World {
    let mut world = World::default().locked(HELD, &[("acquire", 100)]);
    world.tasks.insert(100, "processing");
    world
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_not_deleted_while_anybody_works_under_it() {
    refuses(stuck(), &DELETE, "task 100 holds it").await;
    // Its row says that it has ended, and its process has not yet.
    let ending = World::default().hanging(100, "cancelled").locked(HELD, &[("acquire", 100)]);
    refuses(ending, &DELETE, "task 100 holds it").await;
    // The holder is dead, and a task beside it lives.
    let beside = World::default().hanging(163, "queued").locked(HELD, &[("acquire", 100)]);
    refuses(beside, &DELETE, "tasks {163} of the deployment live").await;
    // A call of a task that has ended before.
    refuses(dead().orphan(99, 991), &DELETE, "1 CPI calls of dead tasks are in flight").await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_task_s_lock_is_deleted() {
    let (concluded, world) = called(dead(), &DELETE).await;
    assert_eq!(concluded.expect("deleted"), Conclusion::Done);
    assert!(world.locks.is_empty());
    let (concluded, _) = called(World::default(), &DELETE).await;
    assert_eq!(concluded.expect("nothing"), Conclusion::NothingToDo);
}

/// Each race changes the row between the look and the deletion, in one column only.
#[tokio::test(start_paused = true)]
async fn only_the_row_that_was_looked_at_is_deleted() {
    let races: [fn(&mut World); 3] = [
        |world| world.locks[0].expired_at = "2026-01-01 00:00:14",
        |world| world.locks[0].uid = "u163",
        |world| world.locks[0].id = 8,
    ];
    for race in races {
        let (concluded, world) = called(dead().before(1, "DELETE FROM locks", race), &DELETE).await;
        let error = concluded.expect_err("somebody holds it");
        assert!(error.to_string().contains("renewed or taken over meanwhile"), "{error}");
        assert_eq!(world.locks.len(), 1, "the row is somebody's");
    }
}

#[tokio::test(start_paused = true)]
async fn stuck_tasks_are_not_ended_while_it_is_not_known_that_they_hang() {
    let runbook = EndStuckTask { pace: PACE };
    let unknown = World::default().hanging(100, "processing").locked(HELD, &[("acquire", 100), ("lost", 100)]);
    refuses(unknown, &runbook, "is nobody's by the events").await;
    // In the first window, and in the second.
    for look in [2, 3] {
        let gets_on = stuck().before(look, "tasks/100/debug", |world| _ = world.logs.insert(100, 1));
        refuses(gets_on, &runbook, "task 100 gets on").await;
    }
    let mut waits = stuck();
    waits.processes.retain(|process| process.role != "cpi");
    refuses(waits, &runbook, "task 100 waits for no CPI call").await;
}

#[tokio::test(start_paused = true)]
async fn only_the_stuck_tasks_calls_are_ended() {
    // A call of another deployment's task, which gets on.
    let mut world = stuck().hanging(200, "processing");
    world.tasks.remove(&200);
    let (concluded, world) = called(world, &EndStuckTask { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.lives(1001) && world.lives(2001) && world.lives(2000), "{:?}", world.processes);
}

/// While the cancel is waited for, one call ends, another deployment's gets its pid, and the
/// stuck task makes another call.
#[tokio::test(start_paused = true)]
async fn a_pid_that_has_become_somebody_else_s_is_not_killed() {
    let world = stuck().before(1, "FROM tasks WHERE id IN", |world| {
        world.processes.retain(|process| process.pid != 1001);
        world.processes.push(Process { pid: 1001, task: 200, role: "cpi", parent: 2000 });
        world.processes.push(Process { pid: 1002, task: 100, role: "cpi", parent: 1000 });
    });
    let (concluded, world) = called(world, &EndStuckTask { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(world.lives(1001) && !world.lives(1002), "{:?}", world.processes);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_by_nothing_else_is_ended_with_its_worker_and_no_other_is() {
    let mut world = stuck().hanging(200, "processing");
    world.tasks.remove(&200);
    world.stubborn.insert(100);
    let (concluded, world) = called(world, &EndStuckTask { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.lives(1000) && world.lives(2000) && world.lives(2001), "{:?}", world.processes);
    assert!(world.was_told("monit start worker_100") && !world.was_told("monit stop worker_200"));
}

#[tokio::test(start_paused = true)]
async fn only_vms_that_nobody_knows_are_deleted() {
    let mut world = World { vms: vec!["vm-1", "vm-2"], known: vec!["vm-2"], ..World::default() };
    world.tasks.insert(100, "done");
    let (concluded, world) = called(world, &EndStuckTask { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert_eq!(world.vms, ["vm-2"]);
}

#[tokio::test(start_paused = true)]
async fn where_all_is_well_nothing_is_done() {
    let mut world = World { vms: vec!["vm-1"], known: vec!["vm-1"], ..World::default() };
    // A task that has timed out and has no process has ended.
    world.tasks.extend([(99, "timeout"), (100, "done")]);
    let (concluded, world) = called(world, &EndStuckTask { pace: PACE }).await;
    assert_eq!(concluded.expect("nothing"), Conclusion::NothingToDo);
    assert!(!world.was_told("/deployments"));
    // Quiet as well, but its last deploy has failed.
    let mut failed = World::default();
    failed.tasks.insert(100, "error");
    let (concluded, world) = called(failed, &EndStuckTask { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(world.was_told("/deployments"));
}

#[tokio::test(start_paused = true)]
async fn orphans_are_ended_and_the_cloud_config_is_corrected_before_the_next_deploy() {
    let mut world = dead().orphan(100, 1001);
    world.is_misconfigured = true;
    // Dead, and called so: its lock expires.
    world.tasks.insert(100, "cancelled");
    let world = world.before(1, "kill -KILL", |world| world.locks.clear());
    let (concluded, world) = called(world, &EndStuckTask { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.lives(1001) && !world.is_misconfigured);
    let at = |words: &str| world.said.iter().position(|said| said.contains(words)).expect("it is said");
    assert!(at("kill -KILL") < at("/cloud_configs") && at("/cloud_configs") < at("/deployments"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deployed_while_a_lock_lives() {
    let mut world = dead();
    world.tasks.insert(100, "cancelled");
    let (concluded, world) = called(world, &EndStuckTask { pace: PACE }).await;
    let error = concluded.expect_err("the lock is still there").to_string();
    assert!(error.contains("the lock to be given back or to expire"), "{error}");
    assert!(!world.was_told("/deployments"));
}

#[tokio::test(start_paused = true)]
async fn a_zombie_is_ended_and_the_holder_left_alone() {
    let (concluded, world) = called(taken_over(), &EndZombie { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.lives(1000) && !world.lives(1001), "{:?}", world.processes);
    assert!(world.lives(1630) && world.lives(1631), "{:?}", world.processes);
    assert_eq!(world.locks.len(), 1);
    // One that does not end by the end of its calls.
    let mut stubborn = taken_over();
    stubborn.stubborn.insert(100);
    let (concluded, world) = called(stubborn, &EndZombie { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.lives(1000) && world.lives(1630), "{:?}", world.processes);
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_lock_or_never_had_it_is_no_zombie() {
    for world in [stuck(), World::default().hanging(100, "processing"), World::default()] {
        let before = world.processes.clone();
        let (concluded, world) = called(world, &EndZombie { pace: PACE }).await;
        assert_eq!(concluded.expect("nothing"), Conclusion::NothingToDo);
        assert_eq!(world.processes, before);
    }
}

/// A task that takes the lock between the two looks is no zombie any more; a task that is one
/// only at the second look has not had its time to stop.
#[tokio::test(start_paused = true)]
async fn a_zombie_is_one_in_two_looks() {
    let taken = taken_over().before(2, "SELECT id, state", |world| world.events.push(("acquire", 100)));
    let (concluded, world) = called(taken, &EndZombie { pace: PACE }).await;
    assert!(world.lives(1000), "it has the lock again: {concluded:?}");
    let fresh = stuck().before(2, "SELECT id, state", |world| world.events.push(("lost", 100)));
    let (concluded, world) = called(fresh, &EndZombie { pace: PACE }).await;
    assert_eq!(concluded.expect("nothing yet"), Conclusion::NothingToDo);
    assert!(world.lives(1000));
}

#[tokio::test(start_paused = true)]
async fn the_holder_must_not_have_lost_the_lock_meanwhile() {
    let world = taken_over().before(1, "kill -KILL", |world| world.events.push(("lost", 163)));
    let error = called(world, &EndZombie { pace: PACE }).await.0.expect_err("it did");
    assert!(error.to_string().contains("task 163 has lost the lock too"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_task_that_locks_names_is_not_killed_unless_it_holds_the_lock() {
    let runbook = KillNamedTask { forced: false };
    refuses(taken_over(), &runbook, "task 163 holds the lock").await;
    let unknown = World::default().hanging(100, "processing").locked(HELD, &[]);
    refuses(unknown, &runbook, "nobody's by the events").await;
    let (concluded, world) = called(stuck().hanging(163, "queued"), &runbook).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.lives(1000) && !world.lives(1001) && world.lives(1630) && world.lives(1631));
    let (concluded, _) = called(World::default().hanging(100, "processing"), &runbook).await;
    assert_eq!(concluded.expect("no lock"), Conclusion::NothingToDo);
}

#[tokio::test(start_paused = true)]
async fn workers_are_not_freed_of_tasks_that_get_on() {
    let runbook = FreeWorkers { pace: PACE };
    let gets_on = stuck().before(2, "tasks/100/debug", |world| _ = world.logs.insert(100, 1));
    refuses(gets_on, &runbook, "the tasks {100} get on").await;
    // One that gets on beside one that hangs.
    let both = stuck().hanging(200, "processing");
    let world = both.before(2, "tasks/200/debug", |world| _ = world.logs.insert(200, 1));
    let (_, world) = called(world, &runbook).await;
    assert!(!world.lives(1001) && world.lives(2001), "{:?}", world.processes);
    assert!(!world.was_told("/task/200"));
}

#[tokio::test(start_paused = true)]
async fn freed_workers_deploy_nothing_beside_orphans() {
    let (concluded, world) = called(dead().orphan(100, 1001), &FreeWorkers { pace: PACE }).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.lives(1001) && world.was_told("/deployments"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deployed_beside_what_lives() {
    let runbook = NextDeploy { forced: false };
    refuses(stuck(), &runbook, "tasks {100} live, and 0 CPI calls").await;
    refuses(dead().orphan(99, 991), &runbook, "tasks {} live, and 1 CPI calls").await;
    // Called `timeout`, it lives all the same; or it does not.
    refuses(World::default().hanging(100, "timeout"), &runbook, "tasks {100} live").await;
    let mut world = World::default();
    world.tasks.insert(100, "timeout");
    for world in [world, dead()] {
        let (concluded, world) = called(world, &runbook).await;
        assert_eq!(concluded.expect("it does"), Conclusion::Done);
        assert!(world.was_told("/deployments"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_the_director_refuses_is_a_refusal() {
    refuses(taken_over(), &CancelAgain, "the director:").await;
}

/// A worker begins anew after the job that it has: neither that job nor the holder is ended.
#[tokio::test(start_paused = true)]
async fn setting_the_clocks_leaves_the_holder_alone() {
    let mut world = taken_over();
    world.processes.push(Process { pid: 2, task: 0, role: "worker", parent: 1 });
    let holds = |world: &mut World| {
        assert!(!world.lives(1000) && !world.lives(1001), "the zombie: {:?}", world.processes);
        assert!(world.lives(1630) && world.lives(1631), "the holder: {:?}", world.processes);
        world.processes.retain(|process| process.task != 163);
        world.tasks.insert(163, "done");
    };
    let (concluded, world) = called(world.before(1, "kill -TERM 2", holds), &SetClocks).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
    assert!(!world.was_told("/deployments"), "the holder has finished");
}

/// Nobody holds the lock by the events: nobody is known to have lost it, either.
#[tokio::test(start_paused = true)]
async fn setting_the_clocks_ends_nobody_where_the_holder_is_not_known() {
    let mut world = World::default().hanging(100, "processing").locked(HELD, &[]);
    world.processes.push(Process { pid: 2, task: 0, role: "worker", parent: 1 });
    let finishes = |world: &mut World| {
        assert!(world.lives(1000) && world.lives(1001), "it works: {:?}", world.processes);
        world.processes.clear();
        world.tasks.insert(100, "done");
    };
    let (concluded, _) = called(world.before(1, "kill -TERM 2", finishes), &SetClocks).await;
    assert_eq!(concluded.expect("it does"), Conclusion::Done);
}
