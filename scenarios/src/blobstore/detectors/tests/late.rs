//! Whoever begins to look when all is broken already must be told all the same.

use reenact::detect::{
    all,
    testing::{Said, said},
};

use super::super::{ORPHANED_WORKERS, WRITES_STALLED};
use super::{properties::WRONGS, *};

/// What is said by those who begin to look a while after it broke. The kernel's log is
/// followed from then on.
fn told_late(make: fn(&mut Sim)) -> Said {
    let mut sim = Sim::healthy(130);
    make(&mut sim);
    sim.run(5_000);
    let from = sim.now;
    sim.ask("kernel:log", values([("followed", "1")]));
    sim.run(30_000);
    let stream: Vec<_> = sim.stream().into_iter().filter(|seen| seen.at.0 >= from).collect();
    said(&stream, "blobstore/")
}

const ORPHANED: fn(&mut Sim) = |sim| sim.commands.push("nginx: worker process");

#[test]
fn each_diagnosis_is_made_from_a_stream_that_begins_broken() {
    let mut told = std::collections::BTreeSet::new();
    let wrongs = WRONGS.iter().map(|wrong| (wrong.make, wrong.told_by));
    let stalled: fn(&mut Sim) = |sim| sim.stalled = Some(sim.now);
    let others = [(ORPHANED, &[ORPHANED_WORKERS][..]), (stalled, &[WRITES_STALLED])];
    for (make, by) in wrongs.chain(others) {
        let said = told_late(make);
        let mut by = by.to_vec();
        by.sort_unstable();
        assert_eq!((said.diagnoses(), said.firing()), (by.clone(), by.clone()));
        told.extend(by);
    }
    let ours: std::collections::BTreeSet<_> =
        all().into_iter().map(|entry| entry.id).filter(|id| id.starts_with("blobstore/")).collect();
    assert_eq!(told, ours, "a detector that is not tried here");
}

/// Without the log of before, an error that shows nowhere else cannot be told from none.
#[test]
fn a_late_look_at_no_log_does_not_call_a_disk_sound() {
    let mut sim = Sim::healthy(131);
    sim.remount(true);
    sim.run(5_000);
    let from = sim.now;
    sim.run(10_000);
    let stream: Vec<_> = sim.stream().into_iter().filter(|seen| seen.at.0 >= from).collect();
    let said = said(&stream, "blobstore/");
    assert!(said.why(super::super::LEFT_READ_ONLY).ends_with("nobody looked at the kernel's log"), "{said:?}");
}
