//! A service that does not start.

use super::super::{
    DISK_FULL, DISK_NOT_MOUNTED, DOES_NOT_START, FILESYSTEM_ERROR, LEFT_READ_ONLY, ORPHANED_WORKERS, WRITE_PROTECTED,
};
use super::*;

#[test]
fn an_nginx_that_does_not_start() {
    for seed in 120..125 {
        let mut sim = Sim::healthy(seed);
        let from = sim.now;
        sim.does_not_start();
        sim.run(30_000);
        let lines =
            ["nfs_server: nobody answers at the service's port; monit says blobstore_nginx Does not exist", EMERG];
        sim.only(DOES_NOT_START, from, 25_000..=25_700, &lines);
        sim.starts();
        sim.run(600);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn a_machine_that_is_off_for_longer_than_a_reboot() {
    let mut sim = Sim::healthy(127);
    let from = sim.now;
    sim.restart(28_000);
    sim.run(4_000);
    sim.only(DOES_NOT_START, from, 25_000..=25_700, &["nfs_server: its machine is off"]);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn nginxs_words_are_those_of_its_last_start_or_none() {
    let mut sim = Sim::healthy(125);
    sim.does_not_start();
    sim.run(30_000);
    sim.last_words = None;
    let line = |sim: &Sim, line: &str| sim.said().evidence(DOES_NOT_START).iter().any(|seen| seen.contains(line));
    sim.run(28_000);
    assert!(line(&sim, EMERG));
    sim.run(4_000);
    assert!(!line(&sim, EMERG) && line(&sim, "its log does not say why"));
}

#[test]
fn jobs_that_nobody_starts() {
    let mut sim = Sim::healthy(126);
    sim.pre_start = Some("+ mkdir -p /var/vcap/data/blobstore\nmkdir: cannot create directory\n".into());
    let from = sim.now;
    sim.stop_jobs();
    sim.run(90_000);
    let lines = ["monit says nothing of nginx", "pre-start ended with: mkdir: cannot create directory"];
    sim.only(DOES_NOT_START, from, 85_000..=85_700, &lines);
}

/// A diagnosis, and what makes it true.
type Cause = (&'static str, fn(&mut Sim));

/// The cause has a name already.
#[test]
fn a_cause_that_is_known_is_not_told_twice() {
    let causes: [Cause; 7] = [
        (LEFT_READ_ONLY, |sim| sim.remount(true)),
        (FILESYSTEM_ERROR, |sim| sim.error(false)),
        (WRITE_PROTECTED, Sim::protect),
        (DISK_FULL, |sim| sim.disks[OLD].free = 0),
        (DISK_NOT_MOUNTED, |sim| sim.unmount(STORE)),
        (DISK_NOT_MOUNTED, |sim| {
            sim.unmount(STORE);
            sim.stop_jobs();
        }),
        (ORPHANED_WORKERS, |sim| sim.commands.push("nginx: worker process")),
    ];
    for (cause, make) in causes {
        let mut sim = Sim::healthy(127);
        sim.does_not_start();
        make(&mut sim);
        sim.run(100_000);
        assert_eq!(sim.diagnoses(), [cause]);
    }
}

/// Debian's nginx serves on without a pid file, and has the port at which monit's next one fails.
#[test]
fn an_nginx_that_serves_and_that_monit_does_not_know() {
    let mut sim = Sim::healthy(128);
    let from = sim.now;
    sim.does_not_start();
    (sim.serves, sim.last_words) =
        (true, Some("[emerg] 9#9: bind() to 0.0.0.0:8080 failed (98: Address already in use)"));
    sim.run(30_000);
    let lines = ["nfs_server: monit: blobstore_nginx: Does not exist", "bind() to 0.0.0.0:8080 failed (98"];
    sim.only(DOES_NOT_START, from, 25_000..=26_000, &lines);
    sim.starts();
    sim.run(600);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn a_process_beside_it_that_does_not_start() {
    let mut sim = Sim::healthy(129);
    let from = sim.now;
    sim.monit.as_mut().expect("monit").insert("route_registrar", "Execution failed");
    sim.run(30_000);
    sim.only(DOES_NOT_START, from, 25_000..=26_000, &["monit: route_registrar: Execution failed"]);
}

/// It serves for so many of each five seconds.
fn comes_and_goes(seconds: u64) -> Sim {
    let mut sim = Sim::healthy(130);
    for _ in 0..20 {
        sim.does_not_start();
        sim.run(5_000 - seconds * 1_000);
        sim.starts();
        sim.run(seconds * 1_000);
    }
    sim
}

#[test]
fn an_nginx_that_serves_for_one_of_five_seconds_is_not_well() {
    comes_and_goes(1).only(DOES_NOT_START, 2_000, 45_000..=65_000, &["it comes and goes: for 40", EMERG]);
    comes_and_goes(3).quiet();
}

/// An upload fills the last of the room, fails, and gives it back.
#[test]
fn a_disk_that_is_full_for_most_of_the_time_is_not_well() {
    for (full, is_told) in [(4_000, true), (1_500, false)] {
        let mut sim = Sim::healthy(131);
        for _ in 0..20 {
            sim.disks[OLD].free = 0;
            sim.run(full);
            sim.disks[OLD].free = ROOM;
            sim.run(5_000 - full);
        }
        assert_eq!(sim.first(DISK_FULL).is_some(), is_told, "for {full} of 5000 ms");
    }
}
