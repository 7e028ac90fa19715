//! Activity that is no progress, ends that are none, and tasks that nobody is at.

use super::super::{
    ABANDONED_CANCEL, AGENT_TASK_ENDLESS, CANCEL_OVERDUE, ENDED_TASK_LIVES, STUCK_TASK, TASK_RUNS_TWICE, WRONG_SUBNET,
};
use super::*;

/// Another process at the same task.
pub(super) fn twin_of(sim: &mut Sim, task: u64) {
    let pid = sim.number();
    sim.others.push(format!("director run-job --task {task} --worker worker_1 --scale 0.02 pid={pid} ppid=5"));
}

#[test]
fn a_drain_that_never_ends() {
    let mut sim = Sim::new(80);
    sim.deploy(100, "paasta", 1, Doing::Agent("drain"));
    let from = sim.now;
    sim.run(38_000);
    let lines = [
        "task 100: an agent was told drain, and says `running` of its task 1ab1 for 36.",
        "task 100: no event and no other word meanwhile; look at the VM of canary_update(worker/u (0))",
    ];
    sim.fires(AGENT_TASK_ENDLESS, from, 36_000..=36_800, &lines);
    assert_eq!(sim.diagnoses(), [AGENT_TASK_ENDLESS]);
    sim.cancel(100);
    sim.run(3_000);
    assert_eq!((sim.tasks[0].state, sim.firing()), ("cancelled", vec![]));
}

/// The log is followed from the middle on: what the agent was told is not in it.
#[test]
fn a_poll_that_was_there_before_the_first_look() {
    let mut sim = Sim::new(81);
    sim.deploy(100, "paasta", 1, Doing::Agent("drain"));
    sim.task(100).tries = 1;
    let from = sim.now;
    sim.run(74_000);
    sim.fires(AGENT_TASK_ENDLESS, from, 72_000..=72_800, &["told something that was not seen, and says `running`"]);
    assert_eq!(sim.diagnoses(), [AGENT_TASK_ENDLESS]);
}

/// An hour and a half; other packages are compiled meanwhile.
#[test]
fn a_long_compilation_is_waited_for() {
    for (method, other) in [("compile_package", None), ("apply", Some(1_500 * SCALE))] {
        let mut sim = Sim::new(82);
        sim.deploy(100, "paasta", 1, Doing::Agent(method));
        for _ in 0..4 {
            sim.run(other.unwrap_or(1_350 * SCALE));
            if other.is_some() {
                sim.log("director", r#"task 100 event: {"time":1,"stage":"Compiling packages","state":"finished"}"#);
            }
        }
        sim.quiet();
        sim.knows();
    }
}

/// The agent's answers stop, and with them what is known of its task.
#[test]
fn a_poll_that_came_to_its_end_is_not_remembered() {
    let mut sim = Sim::new(83);
    sim.deploy(100, "paasta", 1, Doing::Agent("drain"));
    sim.run(35_000);
    sim.ends(100, "done");
    sim.run(8_000);
    sim.quiet();
}

#[test]
fn a_task_that_has_ended_and_works_on() {
    for state in ["done", "error", "cancelled"] {
        let mut sim = Sim::stuck(84);
        sim.run(2_000);
        sim.task(100).state = state;
        let from = sim.now;
        sim.run(14_000);
        let lines = [
            &format!("task 100: it is {state}, and its process lives (worker_1, pid "),
            "task 100: it holds lock:deployment:paasta, which expires in ",
            "task 100: create_vm cpi-",
        ];
        sim.fires(ENDED_TASK_LIVES, from, 2_400..=3_300, &lines);
        assert_eq!(sim.diagnoses(), [ENDED_TASK_LIVES, WRONG_SUBNET]);
    }
}

#[test]
fn a_task_that_has_ended_and_is_not_listed_any_more() {
    let mut sim = Sim::stuck(85);
    sim.run(2_000);
    (sim.task(100).state, sim.pushed_out) = ("error", Some(100));
    sim.deploy(150, "cf", 1, Doing::Ping);
    sim.run(4_000);
    let lines = ["task 100: it is not among those that have not ended, and its process lives"];
    sim.fires(ENDED_TASK_LIVES, 0, 2_400..=8_000, &lines);
}

/// No newer task tells that it should be listed: it may have come since the look.
#[test]
fn a_task_that_is_newer_than_all_that_are_listed_has_not_ended() {
    let mut sim = Sim::stuck(86);
    sim.pushed_out = Some(100);
    sim.run(6_000);
    assert_eq!(sim.first(ENDED_TASK_LIVES), None);
}

#[test]
fn a_task_that_ended_a_moment_ago_has_its_process_still() {
    for (lingers, fires) in [(1_900, false), (3_300, true)] {
        let mut sim = Sim::new(87);
        sim.deploy(100, "paasta", 1, Doing::Ping);
        sim.run(3_000);
        sim.ends(100, "done");
        (sim.task(100).lives, sim.task(100).suspended) = (true, true);
        sim.run(lingers);
        sim.task(100).lives = false;
        sim.run(3_000);
        assert_eq!(sim.first(ENDED_TASK_LIVES).is_some(), fires, "{lingers} ms");
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn two_processes_of_one_task() {
    let mut sim = Sim::stuck(88);
    let from = sim.now;
    twin_of(&mut sim, 100);
    sim.run(3_000);
    let lines = ["task 100: 2 processes are at it: worker_1, pid ", "; worker_1, pid "];
    sim.fires(TASK_RUNS_TWICE, from, 1_500..=2_200, &lines);
    assert_eq!(sim.diagnoses(), [TASK_RUNS_TWICE]);
    sim.others.clear();
    sim.run(1_000);
    assert_eq!(sim.firing(), [""; 0]);
}

/// On a loaded machine a look may fall between fork and exec, again and again.
#[test]
fn what_a_task_has_forked_is_no_twin() {
    let mut sim = Sim::stuck(94);
    sim.run(100);
    let parent = sim.task(100).pid;
    sim.others.push(format!("director run-job --task 100 --worker worker_1 --scale 0.02 pid=7777 ppid={parent}"));
    sim.run(6_000);
    sim.quiet();
}

#[test]
fn processes_of_two_tasks_of_one_worker_are_no_twins() {
    let mut sim = Sim::stuck(89);
    twin_of(&mut sim, 99);
    sim.run(6_000);
    assert_eq!(sim.first(TASK_RUNS_TWICE), None);
}

/// The cancel was written over the end: it is `cancelling` for good.
#[test]
fn a_cancel_of_a_task_that_was_done() {
    let mut sim = Sim::new(90);
    sim.deploy(100, "paasta", 1, Doing::Ping);
    sim.run(3_000);
    sim.ends(100, "done");
    sim.cancel(100);
    let from = sim.now;
    sim.run(9_000);
    let lines = [
        "task 100: it is cancelling, and has no process for ",
        "task 100: no job of it is queued, so no worker will take it",
        "task 100: it gave its lock back (event 2): it had come to an end",
    ];
    sim.fires(ABANDONED_CANCEL, from, 1_000..=1_900, &lines);
    assert_eq!(sim.diagnoses(), [ABANDONED_CANCEL]);
    // Whoever asks for it makes it `timeout`.
    sim.task(100).state = "timeout";
    sim.run(1_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn a_cancelled_task_that_is_queued_is_its_workers() {
    let mut sim = Sim::new(91);
    sim.workers = vec![true, false, false];
    sim.deploy(100, "paasta", 1, Doing::Slow(200 * SCALE));
    sim.deploy(101, "cf", 1, Doing::Ping);
    sim.run(1_000);
    sim.cancel(101);
    sim.run(5_000);
    sim.quiet();
    // And of one that was killed the worker makes an end.
    let mut sim = Sim::stuck(92);
    sim.run(2_600);
    sim.cancel(100);
    sim.kill_all(100);
    sim.run(9_000);
    assert_eq!((sim.first(ABANDONED_CANCEL), sim.firing()), (None, vec![CANCEL_OVERDUE]));
}

#[test]
fn a_queue_that_is_not_seen_says_nothing_of_who_is_at_a_task() {
    let mut sim = Sim::new(93);
    sim.deploy(100, "paasta", 1, Doing::Ping);
    sim.run(3_000);
    sim.ends(100, "done");
    sim.cancel(100);
    sim.delay("db", "sql:jobs", 20_000);
    sim.run(4_000);
    let said = sim.said();
    said.quiet();
    assert_eq!(said.why(ABANDONED_CANCEL), "sql:jobs is not fresh");
    // A task that polls is not stuck in silence, whatever is seen of it.
    assert_eq!(sim.first(STUCK_TASK), None);
}
