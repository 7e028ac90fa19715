//! The runbooks for drains that never end and for tasks that have ended and go on.

use reenact::runbook::Conclusion;

use super::{
    super::{EndDrain, EndEndedTask, EndStuckTask},
    PACE,
    fake::{HELD, Process, World},
    hands::{called, refuses},
    stuck,
};

const DRAIN: EndDrain = EndDrain { pace: PACE };
const ENDED: EndEndedTask = EndEndedTask { pace: PACE };

/// Task 100 waits for a drain script, which runs for so many seconds.
fn draining(seconds: u64) -> World {
    let mut world = stuck();
    world.processes.retain(|process| process.role != "cpi");
    world.drains = vec![(500, seconds)];
    world.stubborn.insert(100);
    world
}

/// Task 100 has failed, and its process makes VMs.
fn ended() -> World {
    World::default().hanging(100, "error").locked(HELD, &[("acquire", 100)])
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_may_still_end_is_left_alone() {
    // 24 s here are 1,200 s of production.
    refuses(draining(23), &DRAIN, "the drain 500 runs for 23s only").await;
    let mut none = draining(0);
    none.drains.clear();
    refuses(none, &DRAIN, "task 100 waits for no drain").await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_hangs_is_ended_and_its_task_cancelled() {
    let (concluded, world) = called(draining(24), &DRAIN).await;
    // Nothing notices the cancel here, and no task ends by its drain.
    assert!(concluded.expect_err("it stays").to_string().contains("the task to end with its drain"));
    assert_eq!((world.tasks[&100], world.drains.len()), ("cancelling", 0));
    // Where the task notices, all of it is done.
    let notices = draining(24).before(1, "SELECT id FROM tasks", |world| {
        world.tasks.insert(100, "cancelled");
        world.processes.clear();
    });
    let (concluded, world) = called(notices, &DRAIN).await;
    assert_eq!(concluded.expect("done"), Conclusion::Done);
    assert!(world.drains.is_empty() && world.tasks[&101] == "done", "{world:?}");
    let mut quiet = World::default();
    quiet.tasks.insert(100, "done");
    assert_eq!(called(quiet, &DRAIN).await.0.expect("nothing"), Conclusion::NothingToDo);
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_of_an_ended_task_is_ended_before_its_lock_is_waited_for() {
    refuses(ended(), &EndStuckTask { pace: PACE }, "task 100 is error, and its process lives").await;
    let mut world = ended();
    world.processes.push(Process { pid: 7, task: 0, role: "worker", parent: 1 });
    world.vms = vec!["vm-leaked"];
    let world = world.before(1, "SELECT task_id, expired_at FROM locks", |world| {
        assert!(!world.lives(1000) && !world.lives(1001) && !world.lives(7), "{:?}", world.processes);
        world.locks.clear();
    });
    let (concluded, world) = called(world, &ENDED).await;
    assert_eq!(concluded.expect("done"), Conclusion::Done);
    assert!(world.vms.is_empty() && world.tasks[&101] == "done", "{world:?}");
}

/// Between the two looks its process is gone: it has only just ended.
#[tokio::test(start_paused = true)]
async fn a_task_that_has_just_ended_is_not_ended() {
    let mut world = World::default().hanging(100, "done");
    world.processes.retain(|process| process.role != "cpi");
    let world = world.before(2, "/proc/[0-9]*", |world| world.processes.clear());
    let (concluded, world) = called(world, &ENDED).await;
    assert_eq!(concluded.expect("nothing"), Conclusion::NothingToDo);
    assert!(!world.was_told("kill"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_not_ended_is_none_of_its_business() {
    refuses(stuck(), &ENDED, "task 100 has not ended").await;
}
