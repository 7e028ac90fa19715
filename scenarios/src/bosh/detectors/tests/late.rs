//! Whoever begins to look when all is broken already must be told all the same.

use std::collections::BTreeSet;

use reenact::detect::{all, testing::Said};

use super::super::{
    ABANDONED_CANCEL, AGENT_TASK_ENDLESS, CANCEL_OVERDUE, DIRECTOR_DOWN, DOUBLE_CREATE, ENDED_TASK_LIVES, LEAKED_VMS,
    STALE_LOCK, STARVATION, STUCK_TASK, TASK_RUNS_TWICE, WRITES_STALLED, WRONG_SUBNET, ZOMBIE_HOLDER,
};
use super::{ended::twin_of, *};

/// What is said by those who begin to look a while after it broke.
fn told_late(make: fn(&mut Sim)) -> Said {
    let mut sim = Sim::new(130);
    make(&mut sim);
    let from = sim.now;
    sim.run(40_000);
    sim.said_from(from)
}

fn hangs(sim: &mut Sim) {
    sim.deploy(100, "paasta", 3, Doing::Hang);
    sim.run(2_600);
}

fn taken_over(sim: &mut Sim) {
    hangs(sim);
    sim.locks.clear();
    sim.deploy(163, "paasta", 3, Doing::Hang);
    sim.run(2_600);
}

/// Its lock is renewed by nobody, and not for so long that it would expire meanwhile.
fn killed(sim: &mut Sim) {
    hangs(sim);
    sim.kill_all(100);
    let expires = sim.now + 90_000;
    sim.locks.values_mut().for_each(|row| row.expired = expires);
    sim.run(500);
}

fn leaked(sim: &mut Sim) {
    hangs(sim);
    sim.kill(100);
    sim.answer_calls(100, true);
    (sim.task(100).state, sim.task(100).queued) = ("error", false);
    sim.locks.clear();
    sim.run(500);
}

fn ended(sim: &mut Sim) {
    hangs(sim);
    sim.task(100).state = "error";
    sim.run(500);
}

fn abandoned(sim: &mut Sim) {
    sim.deploy(100, "paasta", 1, Doing::Ping);
    sim.run(2_600);
    sim.ends(100, "done");
    sim.cancel(100);
    sim.run(500);
}

fn starved(sim: &mut Sim) {
    sim.workers = vec![false; 3];
    sim.deploy(100, "paasta", 1, Doing::Ping);
    sim.run(500);
}

fn drains(sim: &mut Sim) {
    sim.deploy(100, "paasta", 1, Doing::Agent("drain"));
    sim.run(2_000);
}

fn down(sim: &mut Sim) {
    sim.serves = false;
    sim.run(500);
}

/// Each with what makes it true, and what is true beside it.
type Wrong = (&'static str, fn(&mut Sim), &'static [&'static str]);

const WRONGS: [Wrong; 13] = [
    (STUCK_TASK, hangs, &[WRONG_SUBNET]),
    (WRONG_SUBNET, hangs, &[STUCK_TASK]),
    (CANCEL_OVERDUE, |sim| (hangs(sim), sim.cancel(100)).1, &[STUCK_TASK, WRONG_SUBNET]),
    (ZOMBIE_HOLDER, taken_over, &[CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET]),
    (DOUBLE_CREATE, taken_over, &[CANCEL_OVERDUE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER]),
    (STALE_LOCK, killed, &[]),
    (STARVATION, starved, &[]),
    (LEAKED_VMS, leaked, &[]),
    (ENDED_TASK_LIVES, ended, &[WRONG_SUBNET]),
    (TASK_RUNS_TWICE, |sim| (hangs(sim), twin_of(sim, 100)).1, &[STUCK_TASK, WRONG_SUBNET]),
    (ABANDONED_CANCEL, abandoned, &[]),
    (DIRECTOR_DOWN, down, &[]),
    (WRITES_STALLED, |sim| sim.stalled = Some(0), &[]),
];

#[test]
fn each_diagnosis_is_made_from_a_stream_that_begins_broken() {
    for (id, make, beside) in WRONGS {
        let said = told_late(make);
        let expected: BTreeSet<_> = beside.iter().copied().chain([id]).collect();
        assert_eq!(BTreeSet::from_iter(said.firing()), expected, "{id}");
        assert_eq!(BTreeSet::from_iter(said.diagnoses()), expected, "{id}");
    }
    // What the agent was told was not seen: it is given the time of the longest.
    let mut sim = Sim::new(131);
    drains(&mut sim);
    let from = sim.now;
    sim.run(76_000);
    assert_eq!(sim.said_from(from).firing(), [AGENT_TASK_ENDLESS]);
    let tried = WRONGS.iter().map(|(id, ..)| *id).chain([AGENT_TASK_ENDLESS]);
    let ours = all().into_iter().map(|entry| entry.id).filter(|id| id.starts_with("bosh/"));
    assert_eq!(tried.collect::<BTreeSet<_>>(), ours.collect(), "a detector that is not tried here");
}
