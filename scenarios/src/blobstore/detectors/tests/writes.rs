//! The service answers, and blobs hang.

use reenact::detect::testing::{Wrong, scenes};

use super::super::{FILESYSTEM_ERROR, WRITES_STALLED};
use super::{properties::LIFE, *};

fn stall(sim: &mut Sim) {
    sim.stalled = Some(sim.now);
}

#[test]
fn blobs_that_never_come_to_their_end() {
    let mut sim = Sim::healthy(140);
    let from = sim.now;
    stall(&mut sim);
    sim.run(18_000);
    let line = "nfs_server: GET /health: 200; a write hangs for 1";
    sim.only(WRITES_STALLED, from, 15_000..=15_700, &[line]);
    sim.stalled = None;
    sim.run(600);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn whatever_happened_before_it_is_named() {
    let wrong = Wrong { make: stall, told_by: &[WRITES_STALLED], within: 17_000, line: "a write hangs" };
    LIFE.names(&[wrong], 6, 2);
}

#[test]
fn what_is_known_of_the_disk_is_told_instead() {
    let mut sim = Sim::healthy(141);
    stall(&mut sim);
    sim.disks[OLD].errors_count = 1;
    sim.run(30_000);
    assert_eq!(sim.diagnoses(), [FILESYSTEM_ERROR]);
}

fn stays_quiet(scene: fn(&mut Sim)) {
    let mut sim = Sim::healthy(142);
    scene(&mut sim);
    sim.quiet();
}

scenes!(
    stays_quiet,
    // Each blob takes ten seconds.
    a_slow_disk_that_gets_on = |sim| {
        for _ in 0..8 {
            stall(sim);
            sim.run(10_000);
            sim.stalled = None;
            sim.run(600);
        }
        sim.knows();
    },
    a_service_that_does_not_answer_either = |sim| {
        stall(sim);
        sim.serves = false;
        sim.run(20_000);
    },
);
