//! Whoever begins to look when all is broken already.

use std::collections::BTreeSet;

use reenact::detect::{all, testing::Said};

use super::super::{
    DOES_NOT_START, DUPLICATES, EXITED_BUSY, KILLED_BUSY, LOST_WORK, OOM_KILLED_BUSY, OUTBOX_STALLED, OVERDUE,
    WRITES_STALLED,
};
use super::*;

/// Makes something wrong.
type Make = fn(&mut Sim);

/// What is said by those who begin to look a while after it broke.
fn told_late(variant: Variant, make: Make) -> Said {
    let mut sim = Sim::healthy(variant, 150);
    make(&mut sim);
    sim.run(1_000);
    let from = sim.now;
    sim.run(40_000);
    sim.said_from(from)
}

fn stuck(sim: &mut Sim) {
    sim.apps[APP1].works.iter_mut().for_each(|work| work.1 = u64::MAX);
}

fn done_twice(sim: &mut Sim) {
    let id = sim.rows.iter().find(|row| row.flag).expect("a row that is done").id;
    sim.effect(id);
}

fn does_not_start(sim: &mut Sim) {
    sim.apps[APP1].routed = false;
    sim.run(1_200);
    sim.fails_to_start(APP1, "Error: the setting WORKERS cannot be used");
}

/// What can be told from what is there now.
const TOLD: [(&str, Variant, Make); 5] = [
    (LOST_WORK, Spawn, |sim| sim.sigterm(APP1, 30_000)),
    (OVERDUE, Spawn, stuck),
    (DUPLICATES, Tracker, done_twice),
    (DOES_NOT_START, Tracker, does_not_start),
    (WRITES_STALLED, Tracker, |sim| sim.stalled = Some(0)),
];

/// What an instance had in memory is gone with it, and where it keeps what it owes it says at
/// its start: whoever saw neither cannot tell, and says so.
const UNTOLD: [(&str, Variant, Make, &str); 4] = [
    (EXITED_BUSY, Spawn, |sim| sim.sigterm(APP1, 30_000), "app1: it had ended before it was looked at"),
    (KILLED_BUSY, Spawn, |sim| sim.kill(APP1, false), "app1: what it had in flight when it was killed is not known"),
    (OOM_KILLED_BUSY, Spawn, |sim| sim.kill(APP1, true), "app1: what it had in flight when it was killed is not known"),
    (OUTBOX_STALLED, Outbox, all_killed, "whether they are kept durably is not known, and nobody works"),
];

fn all_killed(sim: &mut Sim) {
    sim.kill(APP1, false);
    sim.kill(APP2, false);
}

#[test]
fn each_diagnosis_is_made_from_a_stream_that_begins_broken_or_says_why_not() {
    for (id, variant, make) in TOLD {
        let said = told_late(variant, make);
        assert_eq!((said.diagnoses(), said.firing()), (vec![id], vec![id]));
    }
    for (id, variant, make, why) in UNTOLD {
        let said = told_late(variant, make);
        assert!(said.why(id).contains(why), "{id}: {}", said.why(id));
    }
    let tried = TOLD.iter().map(|(id, ..)| *id).chain(UNTOLD.iter().map(|(id, ..)| *id));
    let ours = all().into_iter().map(|entry| entry.id).filter(|id| id.starts_with("shutdown/"));
    assert_eq!(tried.collect::<BTreeSet<_>>(), ours.collect(), "a detector that is not tried here");
}
