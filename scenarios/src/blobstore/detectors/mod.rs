//! Detectors of disks that cannot be written to, over one fold of the observations
//! each.
//!
//! They watch the disks that were declared, whether they are there or not, and no others: a
//! healthy container has sixteen read-only mounts by design. A disk is in one state at a time,
//! so the diagnoses of disks exclude each other; what a service makes of it
//! ([`READS_ONLY`]) is a symptom beside them. Figures are measured on Linux 6.18.

mod absent;
mod disk;
mod kernel;
mod node;
mod service;
mod stalled;
mod words;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use reenact::{
    detect::{Rule, Told, any},
    detector,
};

use absent::any_absent;
use disk::State;
use node::{NodesView, disks};
pub(super) use service::WRITE;
use service::{any_service, does_not_start, refused_writes, stalled_writes, workers_alone};
use stalled::any_stalled;

/// Somebody left or made a disk read-only, and nothing is wrong with it.
pub const LEFT_READ_ONLY: &str = "blobstore/left_read_only";
/// The file system met an error.
pub const FILESYSTEM_ERROR: &str = "blobstore/filesystem_error";
/// The device below the file system is write-protected.
pub const WRITE_PROTECTED: &str = "blobstore/protected_device";
/// The disk has no room.
pub const DISK_FULL: &str = "blobstore/disk_full";
/// A disk that was declared is not mounted.
pub const DISK_NOT_MOUNTED: &str = "blobstore/disk_not_mounted";
/// The service reads but cannot write, while its supervisor says that all is well.
pub const READS_ONLY: &str = "blobstore/reads_only";

/// nginx's workers serve without their master, and hold the port that a new one wants.
pub const ORPHANED_WORKERS: &str = "blobstore/orphaned_workers";

/// The service does not start, or nobody answers at its port, and no other diagnosis says why.
pub const DOES_NOT_START: &str = "blobstore/does_not_start";

/// The service answers, and no blob comes to its end.
pub const WRITES_STALLED: &str = "blobstore/writes_stalled";

/// Writes to a disk hang, and nothing fails.
pub const DISK_STALLED: &str = "blobstore/disk_stalled";

/// A list of processes counts for 1.5 s, so after two no list from before a copy began
/// can speak of a migration any more. Between a copy's end and the unmount of its
/// source the agent takes milliseconds. An administrator's remount and back, as for a
/// snapshot, needs nobody's help.
const READ_ONLY_HOLD: Duration = Duration::from_secs(2);

/// What a file system has recorded does not pass. A device's hiccup that gives EIO and
/// is over does, and the mount table, the write and the counters of one look are up to
/// a look apart.
const ERROR_HOLD: Duration = Duration::from_secs(2);

/// An upload that fills the last of the room fails and gives it back.
const FULL_HOLD: Duration = Duration::from_secs(2);

/// Before the agent unmounts a disk it stops the jobs, and of that monit's last answer may not
/// know for 1.5 s; between the two mounts of a migration it takes milliseconds.
const ABSENT_HOLD: Duration = Duration::from_secs(3);

/// Monit looks once a second and is asked twice a second: its OK may be 1.5 s old.
const READS_ONLY_HOLD: Duration = Duration::from_secs(2);

/// Monit gives a start ten seconds before it tries again, so two of its starts were in vain.
/// From its first knowledge of nginx to `OK` it took 3.1 s at most in fifteen starts at load 5.
const START_HOLD: Duration = Duration::from_secs(25);

/// A blob is given up after ten seconds, and one that was under way when all was well again may
/// have that long to go. A disk that is slow by a second a write stores one within it.
const STALLED_HOLD: Duration = Duration::from_secs(15);

/// A snapshot freezes a file system for a second or two, and a disk that is slow may hold up a
/// synced write for some seconds, again and again; SCSI gives a command up after 30 s
/// (`SD_TIMEOUT` in drivers/scsi/sd.h), and clients of a blobstore long before.
const FROZEN_HOLD: Duration = Duration::from_secs(20);

/// A master that ends in order ends its workers first. Monit looks each second, and starts
/// what is gone at its next look.
const ORPHANS_HOLD: Duration = Duration::from_secs(4);

detector! {
    LEFT_READ_ONLY,
    "A disk was left read-only; its file system and its device are sound, so remount,rw is right.",
    Rule::new(READ_ONLY_HOLD, any_disk(State::LeftReadOnly)),
}

detector! {
    FILESYSTEM_ERROR,
    "A file system met an error: copy out what can be read, then e2fsck; a remount is wrong.",
    Rule::new(ERROR_HOLD, any_disk(State::FilesystemError)),
}

detector! {
    WRITE_PROTECTED,
    "A disk is read-only because its device is write-protected.",
    Rule::new(READ_ONLY_HOLD, any_disk(State::WriteProtected)),
}

detector! {
    DISK_FULL,
    "A disk has no room for the service's writes.",
    Rule::lasting(FULL_HOLD, any_disk(State::Full)),
}

detector! {
    DISK_NOT_MOUNTED,
    "A declared disk is not mounted: what is stored meanwhile goes to the disk below, and must be kept.",
    Rule::new(ABSENT_HOLD, any_absent),
}

detector! {
    READS_ONLY,
    "The service answers and cannot store anything, while monit says that all of it is OK.",
    Rule::lasting(READS_ONLY_HOLD, any_service(refused_writes)),
}

detector! {
    WRITES_STALLED,
    "The service answers and is said to be well, and no blob comes to its end: look at what the disk below waits for.",
    Rule::new(STALLED_HOLD, any_service(stalled_writes)),
}

detector! {
    ORPHANED_WORKERS,
    "nginx's workers have lost their master and keep its port, so that monit's starts fail: end them.",
    Rule::lasting(ORPHANS_HOLD, any_service(workers_alone)),
}

/// Whether any disk is in this state.
fn any_disk(state: State) -> impl Fn(&NodesView) -> Told {
    move |view| any(disks(view)?.iter().map(|disk| disk.told(&state)))
}

detector! {
    DOES_NOT_START,
    "The service does not start, and no other diagnosis says why: see the last words of nginx's error log.",
    Rule::lasting(START_HOLD, any_service(does_not_start)),
}

detector! {
    DISK_STALLED,
    "Writes to a disk hang, and nothing fails: it was frozen and not thawed, or its device does not answer.",
    Rule::new(FROZEN_HOLD, any_stalled),
}
