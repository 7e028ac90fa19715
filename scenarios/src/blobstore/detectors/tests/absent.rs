//! A declared disk that is not mounted.

use super::super::DISK_NOT_MOUNTED;
use super::*;

#[test]
fn jobs_that_run_without_the_disk() {
    for seed in 100..110 {
        let mut sim = Sim::healthy(seed);
        sim.start_without_disk();
        let from = sim.now;
        sim.run(6_000);
        let lines = [
            "nfs_server: nothing is mounted at /var/vcap/store, which was declared writable",
            "monit runs 3 processes all the same",
            "a blob is put and read back there",
        ];
        sim.only(DISK_NOT_MOUNTED, from - 700, 3_000..=4_500, &lines);
        sim.stop_jobs();
        sim.mount(OLD, STORE, false);
        assert!(sim.start_jobs());
        sim.run(1_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn a_disk_that_nobody_mounts_again() {
    let mut sim = Sim::healthy(110);
    sim.stop_jobs();
    let from = sim.now;
    sim.unmount(STORE);
    sim.commands.push("/sbin/e2fsck -fy /dev/sdd1");
    sim.run(60_000);
    sim.quiet();
    sim.commands.pop();
    let end = sim.now;
    sim.run(6_000);
    sim.only(DISK_NOT_MOUNTED, end, 3_000..=4_600, &["nobody works on a disk"]);
    assert!(end - from >= 60_000);
}

#[test]
fn a_disk_that_is_declared_read_only_is_missed_too() {
    let mut sim = Sim::healthy(111);
    sim.declared = Some(Access::ReadOnly);
    sim.start_without_disk();
    sim.run(6_000);
    let said = sim.said();
    assert_eq!(said.diagnoses(), [DISK_NOT_MOUNTED]);
    assert!(said.evidence(DISK_NOT_MOUNTED)[0].ends_with("which was declared read-only"));
}
