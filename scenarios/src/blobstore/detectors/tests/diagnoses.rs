//! Every failure is diagnosed, in time, by its own detector and by no other.

use std::ops::RangeInclusive;

use super::super::{DISK_FULL, FILESYSTEM_ERROR, LEFT_READ_ONLY, ORPHANED_WORKERS, READS_ONLY, WRITE_PROTECTED};
use super::*;

/// Its hold of 2 s after the effect, or a look at that and one more later.
pub(super) const SOON: RangeInclusive<u64> = 2_000..=2_900;

/// The incident: a migration to a disk that is too small. Returns the moment in which
/// the copy failed.
pub(super) fn incident(sim: &mut Sim) -> u64 {
    sim.stop_jobs();
    sim.migrate(4_000, false);
    sim.now
}

#[test]
fn the_incident() {
    for seed in 1..20 {
        let mut sim = Sim::healthy(seed);
        let from = incident(&mut sim);
        assert!(!sim.start_jobs());
        sim.run(6_000);
        let lines = [
            "nfs_server: /dev/sdd1 /var/vcap/store ext4 ro,relatime,errors=remount-ro 0 0",
            "a write to /var/vcap/store: EROFS (Read-only file system)",
            "the file system itself is mounted ro",
            "/dev/sdd1: errors_count=0",
            "the kernel's log tells of no error",
            "pre-start: chown: changing ownership of '/var/vcap/store/shared': Read-only file system",
            "monit shows none of the jobs' processes",
        ];
        sim.only(LEFT_READ_ONLY, from, SOON, &lines);
    }
}

#[test]
fn the_incident_stays_diagnosed_through_restarts_and_ends_with_the_remount() {
    let mut sim = Sim::healthy(20);
    incident(&mut sim);
    sim.run(3_000);
    for _restart in 0..3 {
        sim.stop_jobs();
        assert!(!sim.start_jobs());
        sim.run(1_000);
        assert_eq!(sim.firing(), [LEFT_READ_ONLY]);
    }
    sim.remount(false);
    sim.run(400);
    assert_eq!(sim.firing(), [""; 0]);
    assert!(sim.start_jobs());
    sim.run(5_000);
    assert_eq!(sim.firing(), [""; 0]);
    assert_eq!(sim.diagnoses(), [LEFT_READ_ONLY]);
}

#[test]
fn the_incident_where_nobody_unmounts_the_new_disk() {
    let mut sim = Sim::healthy(21);
    let from = incident(&mut sim);
    sim.mount(NEW, TARGET, false);
    sim.run(6_000);
    sim.only(LEFT_READ_ONLY, from, 2_000..=3_900, &[]);
    // An operator's own copy of the store is no migration.
    sim.commands.push("tar -C /var/vcap/store -cf /root/rescue.tar .");
    sim.run(3_000);
    assert_eq!(sim.firing(), [LEFT_READ_ONLY]);
}

#[test]
fn the_incident_without_a_list_of_processes() {
    let mut sim = Sim::healthy(22);
    let from = incident(&mut sim);
    sim.run(4_000);
    sim.seen.retain(|seen| !matches!(seen.signal, Signal::Processes { .. }));
    sim.only(LEFT_READ_ONLY, from, SOON, &[]);
}

#[test]
fn read_only_under_a_service_that_runs() {
    for bind in [false, true] {
        let mut sim = Sim::healthy(23);
        let from = sim.now;
        let set: fn(&mut Sim, bool) = if bind { Sim::bind } else { Sim::remount };
        set(&mut sim, true);
        sim.run(5_000);
        let said = sim.said();
        assert_eq!(said.diagnoses(), [LEFT_READ_ONLY, READS_ONLY]);
        let place = if bind { "the mount is read-only, its file system is not (bind)" } else { "mounted ro" };
        said.fires(LEFT_READ_ONLY, from, SOON, &[place, "/var/vcap/store ext4 ro,relatime"]);
        let lines = ["PUT /blobs/probe: 500", "GET /health: 200", "monit: all 3 processes are OK"];
        said.fires(READS_ONLY, from, SOON, &lines);
        set(&mut sim, false);
        sim.run(1_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn a_file_system_error_stays_one_through_a_remount_that_claims_success() {
    let mut sim = Sim::healthy(24);
    let from = sim.now;
    sim.error(false);
    sim.run(4_000);
    let said = sim.said();
    assert_eq!(said.diagnoses(), [FILESYSTEM_ERROR, READS_ONLY]);
    let lines = [
        "/dev/sdd1 /var/vcap/store ext4 rw,relatime,errors=remount-ro,emergency_ro 0 0",
        "a write to /var/vcap/store: EROFS",
        "its file system shows emergency_ro",
        "/dev/sdd1: errors_count=1",
        "kernel: EXT4-fs error (device loop3): trigger_test_error",
    ];
    said.fires(FILESYSTEM_ERROR, from, SOON, &lines);
    sim.remount(false);
    sim.run(5_000);
    sim.stop_jobs();
    sim.run(3_000);
    assert_eq!(sim.firing(), [FILESYSTEM_ERROR]);
    sim.check_and_mount();
    sim.run(400);
    assert_eq!(sim.firing(), [""; 0]);
    sim.start_jobs();
    sim.run(6_000);
    assert_eq!(sim.firing(), [""; 0]);
    assert_eq!(sim.diagnoses(), [FILESYSTEM_ERROR, READS_ONLY]);
}

#[test]
fn what_is_left_read_only_after_a_cured_error_is_left_read_only() {
    let mut sim = Sim::healthy(25);
    sim.stop_jobs();
    sim.error(false);
    sim.run(3_000);
    sim.check_and_mount();
    sim.run(1_000);
    let from = sim.now;
    sim.remount(true);
    sim.run(4_000);
    assert_eq!(sim.firing(), [LEFT_READ_ONLY]);
    sim.fires(LEFT_READ_ONLY, from, SOON, &[]);
}

#[test]
fn an_error_that_the_file_system_goes_on_after() {
    let mut sim = Sim::healthy(26);
    let from = sim.now;
    sim.error(true);
    sim.run(5_000);
    sim.only(FILESYSTEM_ERROR, from, SOON, &["a write to /var/vcap/store: ok", "errors_count=1", "kernel: EXT4-fs"]);
}

#[test]
fn a_file_system_that_shut_down() {
    let mut sim = Sim::healthy(27);
    sim.stop_jobs();
    let from = sim.now;
    sim.shut_down();
    sim.run(5_000);
    let lines =
        ["its file system shows shutdown", "fails with EIO", "kernel: EXT4-fs (loop3): shut down requested (2)"];
    sim.only(FILESYSTEM_ERROR, from, SOON, &lines);
}

#[test]
fn each_sign_of_an_error_is_enough() {
    // By each: the options, the counter, the write's error, the kernel's line.
    for sign in 0..4 {
        let mut sim = Sim::healthy(28);
        sim.stop_jobs();
        let from = sim.now;
        match sign {
            0 => sim.disks[OLD].health = Health::Emergency,
            1 => sim.disks[OLD].errors_count = 7,
            2 => sim.disks[OLD].hiccup = Some("E117"),
            _ => {
                // As older kernels have it: a file system that shows no more than ro.
                sim.disks[OLD].read_only = true;
                sim.kernel(OLD, "EXT4-fs (DEV): Remounting filesystem read-only");
            }
        }
        sim.run(5_000);
        sim.only(FILESYSTEM_ERROR, from, SOON, &[]);
    }
}

#[test]
fn a_write_protected_device() {
    let mut sim = Sim::healthy(29);
    sim.stop_jobs();
    sim.unmount(STORE);
    sim.disks[OLD].protected = true;
    sim.run(1_000);
    let from = sim.now;
    sim.mount(OLD, STORE, false);
    sim.run(5_000);
    sim.only(WRITE_PROTECTED, from, SOON, &["/dev/sdd1 is write-protected", "ext4 ro,relatime", "EROFS"]);
    sim.disks[OLD].protected = false;
    sim.run(4_000);
    assert_eq!(sim.firing(), [LEFT_READ_ONLY], "it can be remounted now");
}

#[test]
fn a_full_disk() {
    let mut sim = Sim::healthy(30);
    let from = sim.now;
    sim.disks[OLD].free = 0;
    sim.run(5_000);
    let said = sim.said();
    assert_eq!(said.diagnoses(), [DISK_FULL, READS_ONLY]);
    said.fires(DISK_FULL, from, SOON, &["ENOSPC", "free_bytes=0", "ext4 rw,relatime"]);
    sim.disks[OLD].free = ROOM;
    sim.run(1_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn where_the_services_user_may_not_write_the_room_left_tells() {
    let mut sim = Sim::healthy(31);
    sim.stop_jobs();
    sim.disks[OLD].hiccup = Some("EACCES");
    sim.run(4_000);
    sim.quiet();
    let from = sim.now;
    sim.disks[OLD].free = 4_095;
    sim.run(4_000);
    sim.only(DISK_FULL, from, SOON, &["EACCES", "free_bytes=4095"]);
    // A page is room, and a file system without limits has neither room nor size.
    sim.disks[OLD].free = 4_096;
    sim.run(400);
    assert_eq!(sim.firing(), [""; 0]);
    (sim.disks[OLD].free, sim.disks[OLD].size) = (0, 0);
    sim.run(4_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn the_reports_monit_says_running() {
    let mut sim = Sim::healthy(32);
    sim.set_monit("running");
    sim.bind(true);
    sim.run(4_000);
    assert_eq!(sim.diagnoses(), [LEFT_READ_ONLY, READS_ONLY]);
}

#[test]
fn workers_whose_master_was_killed() {
    for seed in 60..65 {
        let mut sim = Sim::healthy(seed);
        sim.commands.extend(["nginx: worker process", "nginx: worker process"]);
        let from = sim.now;
        sim.run(12_000);
        let line = "2 workers of nginx run without a master; monit says ";
        sim.only(ORPHANED_WORKERS, from, 4_000..=5_600, &[line]);
        sim.commands.push("nginx: master process nginx -c /var/vcap/jobs/blobstore/config/nginx.conf");
        sim.run(2_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}
