//! Over streams that nobody wrote by hand.

use reenact::detect::testing::{Life, Wrong};

use super::super::{
    DISK_FULL, DISK_NOT_MOUNTED, DISK_STALLED, DOES_NOT_START, FILESYSTEM_ERROR, LEFT_READ_ONLY, READS_ONLY,
    WRITE_PROTECTED,
};
use super::{diagnoses::incident, *};

/// What happens to a healthy VM in its daily life.
pub(super) const LIFE: Life<Sim> = Life {
    new: Sim::healthy,
    daily: &[
        (|sim, n| sim.run(n), 4_000),
        (restart_jobs, 1),
        (Sim::restart, 6_000),
        (Sim::migrate_and_start, 12_000),
        (slow_down, 9_000),
        (|sim, _| sim.reload(), 1),
        (hiccup, 800),
        (snapshot, 800),
    ],
    calm: 4_000,
    // Five looks lost in a row, which could make a hiccup look as long as a hold, come once in
    // a million at six in a hundred.
    loss: 6,
    cases: 48,
};

fn restart_jobs(sim: &mut Sim, _: u64) {
    sim.stop_jobs();
    sim.run(300);
    sim.start_jobs();
}

fn slow_down(sim: &mut Sim, milliseconds: u64) {
    sim.slow = milliseconds % 2_400;
    sim.run(milliseconds);
    sim.slow = 0;
}

fn hiccup(sim: &mut Sim, milliseconds: u64) {
    sim.disks[OLD].hiccup = Some(["EIO", "ENOSPC", "EROFS", "E117", "hung"][milliseconds as usize % 5]);
    sim.run(milliseconds);
    sim.disks[OLD].hiccup = None;
}

fn snapshot(sim: &mut Sim, milliseconds: u64) {
    sim.remount(true);
    sim.run(milliseconds);
    sim.remount(false);
}

const fn wrong(make: fn(&mut Sim), told_by: &'static [&'static str], line: &'static str) -> Wrong<Sim> {
    Wrong { make, told_by, within: 4_500, line }
}

pub(super) const WRONGS: [Wrong<Sim>; 10] = [
    wrong(|sim| _ = incident(sim), &[LEFT_READ_ONLY], "EROFS"),
    wrong(|sim| sim.remount(true), &[LEFT_READ_ONLY, READS_ONLY], "the file system itself is mounted ro"),
    wrong(|sim| sim.bind(true), &[LEFT_READ_ONLY, READS_ONLY], "(bind)"),
    wrong(|sim| sim.error(false), &[FILESYSTEM_ERROR, READS_ONLY], "emergency_ro"),
    wrong(|sim| sim.error(true), &[FILESYSTEM_ERROR], "errors_count=1"),
    wrong(Sim::protect, &[WRITE_PROTECTED, READS_ONLY], "write-protected"),
    wrong(Sim::start_without_disk, &[DISK_NOT_MOUNTED], "nothing is mounted at /var/vcap/store"),
    Wrong { make: Sim::does_not_start, told_by: &[DOES_NOT_START], within: 27_500, line: "[emerg]" },
    wrong(|sim| sim.disks[OLD].free = 0, &[DISK_FULL, READS_ONLY], "ENOSPC"),
    Wrong { make: Sim::freeze, told_by: &[DISK_STALLED], within: 27_500, line: "do not come to an end" },
];

#[test]
fn daily_life_never_fires() {
    LIFE.never_fires(5);
}

#[test]
fn what_is_wrong_is_diagnosed_as_what_it_is() {
    LIFE.names(&WRONGS, 60, 1);
}

/// At one moment a disk has one diagnosis, and each has in its evidence what it is made of.
#[test]
fn diagnoses_of_a_disk_exclude_each_other() {
    let wrongs: Vec<_> = WRONGS.iter().map(|wrong| wrong.make).collect();
    let several: fn(&mut Sim) = |sim| {
        for _ in 0..3 {
            let wrong = sim.below(WRONGS.len() as u64) as usize;
            (WRONGS[wrong].make)(sim);
            sim.run(1_000);
        }
    };
    let wrongs = [&wrongs[..], &[several; 3]].concat();
    let one = [LEFT_READ_ONLY, FILESYSTEM_ERROR, WRITE_PROTECTED, DISK_FULL, DISK_NOT_MOUNTED, DOES_NOT_START];
    LIFE.has_evidence_in_any_order(&wrongs, 4_000, has_its_evidence, &[&one]);
}

fn has_its_evidence(id: &str, evidence: &[String]) -> bool {
    let has = |part: &str| evidence.iter().any(|line| line.contains(part));
    match id {
        LEFT_READ_ONLY => has("EROFS") && has(" ro,") && has("errors_count=0"),
        FILESYSTEM_ERROR => has("emergency_ro") || has("errors_count=") || has("EIO") || has("kernel: "),
        WRITE_PROTECTED => has("EROFS") && has(" ro,") && has("is write-protected"),
        DISK_FULL => has("ENOSPC"),
        DISK_STALLED => has("do not come to an end"),
        DOES_NOT_START => has("nobody answers at the service's port") || has("monit: "),
        DISK_NOT_MOUNTED => has("nothing is mounted at"),
        READS_ONLY => has("PUT ") && has("/health: 200") && has("are OK"),
        _ => false,
    }
}
