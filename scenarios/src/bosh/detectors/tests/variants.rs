//! Which diagnoses each variant of the incident comes to, and nothing beside them.

use super::super::{
    CANCEL_OVERDUE, DOUBLE_CREATE, LEAKED_VMS, STALE_LOCK, STARVATION, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER,
};
use super::*;

/// What happens to a director of which task 100 hangs for a while.
type Story = fn(&mut Sim);

const VARIANTS: [(&str, Story, &[&str]); 8] = [
    ("a call that hangs", |sim| sim.run(14_000), &[STUCK_TASK, WRONG_SUBNET]),
    (
        "and is cancelled in vain",
        |sim| {
            sim.cancel(100);
            sim.run(14_000);
        },
        &[CANCEL_OVERDUE, STUCK_TASK, WRONG_SUBNET],
    ),
    (
        "a worker killed with its task, its calls living on",
        |sim| {
            sim.kill(100);
            sim.run(14_000);
        },
        &[STALE_LOCK, WRONG_SUBNET],
    ),
    (
        "the same, and the calls end",
        |sim| {
            sim.kill(100);
            sim.run(3_000);
            sim.answer_calls(100, true);
            sim.run(3_000);
        },
        &[LEAKED_VMS, STALE_LOCK],
    ),
    (
        "the lock of the living task deleted, and a deploy over it",
        |sim| {
            sim.locks.clear();
            sim.deploy(163, "paasta", 3, Doing::Hang);
            sim.run(4_000);
        },
        &[DOUBLE_CREATE, ZOMBIE_HOLDER],
    ),
    (
        "an acquirer whose clock is ahead",
        |sim| {
            sim.locks.values_mut().for_each(|row| row.expired = 0);
            sim.deploy(163, "paasta", 1, Doing::Ping);
            sim.run(4_000);
        },
        &[ZOMBIE_HOLDER],
    ),
    (
        "a suspended task",
        |sim| {
            sim.task(100).suspended = true;
            sim.run(8_000);
        },
        &[ZOMBIE_HOLDER],
    ),
    (
        "all workers at it",
        |sim| {
            sim.deploy(101, "cf", 3, Doing::Hang);
            sim.deploy(102, "redis", 3, Doing::Hang);
            sim.deploy(103, "other", 3, Doing::Hang);
            sim.run(9_000);
        },
        &[STARVATION],
    ),
];

#[test]
fn each_variant_comes_to_its_diagnoses_and_to_no_others() {
    for (seed, (name, story, expected)) in (70..).zip(VARIANTS) {
        for loss in [0, 40] {
            let mut sim = Sim::stuck(seed);
            sim.loss = loss;
            sim.run(2_600);
            story(&mut sim);
            assert_eq!(sim.diagnoses(), expected, "{name}, {loss} of 100 looks lost");
        }
    }
}
