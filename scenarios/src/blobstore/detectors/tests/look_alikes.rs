//! What looks like a failure and is none: every detector stays silent.

use super::*;

fn quiet(sim: &Sim) {
    assert_eq!(sim.fired(), BTreeMap::new());
}

#[test]
fn a_healthy_vm_among_sixteen_read_only_mounts() {
    let mut sim = Sim::healthy(40);
    sim.run(10_000);
    quiet(&sim);
    assert!(verdicts(&sim.stream).into_values().all(|verdict| verdict == Verdict::Quiet), "and all can tell");
}

#[test]
fn a_migration_that_succeeds() {
    for (seed, took) in [(41, 300), (42, 2_000), (43, 30_000)] {
        let mut sim = Sim::healthy(seed);
        sim.stop_jobs();
        sim.migrate(took, true);
        assert!(sim.start_jobs());
        sim.run(4_000);
        quiet(&sim);
        assert!(sim.mounts.iter().any(|mounted| mounted.disk == NEW && mounted.path == STORE));
    }
}

#[test]
fn a_migration_at_which_nobody_sees_the_processes() {
    let mut sim = Sim::healthy(44);
    sim.stop_jobs();
    sim.migrate(20_000, true);
    sim.start_jobs();
    sim.run(2_000);
    sim.stream.retain(|seen| !matches!(seen.signal, Signal::Processes { .. }));
    quiet(&sim);
}

#[test]
fn a_copy_that_fills_the_new_disk_before_it_fails() {
    let mut sim = Sim::healthy(45);
    sim.stop_jobs();
    sim.disks[NEW].free = 0;
    sim.declared = None;
    sim.migrate(8_000, false);
    quiet(&sim);
}

#[test]
fn a_target_that_was_declared_writable_is_not_in_use_yet() {
    let mut sim = Sim::healthy(46);
    sim.stop_jobs();
    sim.disks[NEW].free = 0;
    sim.mount(NEW, TARGET, false);
    for _look in 0..20 {
        sim.run(250);
        let mut table = sim.table();
        for mount in table.iter_mut().filter(|mount| mount.path == TARGET) {
            mount.declared = Some(Access::ReadWrite);
        }
        sim.emit(Signal::Mounts { table });
        sim.ask(format!("write:{TARGET}"), error("ENOSPC", "No space left on device"));
    }
    quiet(&sim);
}

#[test]
fn what_is_read_only_by_design() {
    for declared in [Some(Access::ReadOnly), None] {
        let mut sim = Sim::healthy(47);
        sim.stop_jobs();
        sim.declared = declared;
        sim.remount(true);
        sim.run(6_000);
        quiet(&sim);
    }
}

#[test]
fn a_machine_beside_it_that_may_only_read() {
    let mut sim = Sim::healthy(48);
    sim.run(5_000);
    let read_only = |seen: &Observation| {
        let mut seen = Observation { node: "reader".into(), ..seen.clone() };
        let Signal::Mounts { table } = &mut seen.signal else { return None };
        for mount in table.iter_mut() {
            mount.declared = mount.declared.map(|_| Access::ReadOnly);
            (mount.options, mount.super_options) = ("ro".into(), "ro".into());
        }
        Some(seen)
    };
    let stream: Vec<_> = sim.stream.iter().flat_map(|seen| read_only(seen).into_iter().chain([seen.clone()])).collect();
    assert_eq!(fired(&stream), BTreeMap::new());
}

#[test]
fn a_root_that_is_read_only_is_no_disk() {
    let mut sim = Sim::healthy(49);
    for seen in &mut sim.stream {
        let Signal::Mounts { table } = &mut seen.signal else { continue };
        for mount in table.iter_mut().filter(|mount| mount.path == "/") {
            (mount.options, mount.super_options) = ("ro".into(), "ro".into());
        }
    }
    let mut stream = Vec::new();
    for seen in sim.stream.iter().cycle().take(sim.stream.len() * 4) {
        let at = Moment(stream.len() as u64 * 10);
        let answer = error("EROFS", "Read-only file system");
        let write = Signal::Query { of: "write:/".into(), answer };
        stream.push(Observation { at, ..seen.clone() });
        stream.push(Observation { at, signal: write, ..seen.clone() });
    }
    assert_eq!(fired(&stream), BTreeMap::new());
}

#[test]
fn a_slow_disk() {
    for slow in [1_000, 2_000, 2_500] {
        let mut sim = Sim::healthy(50);
        sim.slow = slow;
        sim.run(15_000);
        quiet(&sim);
    }
    // Given up after 3 s each time.
    let mut sim = Sim::healthy(51);
    (sim.slow, sim.disks[OLD].hiccup) = (3_000, Some("hung"));
    sim.run(15_000);
    quiet(&sim);
}

#[test]
fn monit_that_reloads() {
    let mut sim = Sim::healthy(52);
    for _reload in 0..3 {
        sim.monit = None;
        sim.run(400);
        sim.monit = Some(BTreeMap::new());
        sim.run(300);
        sim.set_monit("Initializing");
        sim.run(900);
        sim.set_monit("OK");
        sim.run(1_500);
    }
    quiet(&sim);
}

#[test]
fn jobs_that_are_restarted() {
    let mut sim = Sim::healthy(53);
    for _restart in 0..3 {
        sim.stop_jobs();
        sim.run(500);
        assert!(sim.start_jobs());
        sim.run(1_000);
    }
    quiet(&sim);
}

#[test]
fn a_vm_that_is_restarted() {
    for off in [500, 2_000, 8_000] {
        let mut sim = Sim::healthy(54);
        sim.restart(off);
        sim.run(4_000);
        quiet(&sim);
    }
}

#[test]
fn a_disk_that_is_not_mounted() {
    let mut sim = Sim::healthy(55);
    sim.stop_jobs();
    sim.unmount(STORE);
    sim.run(8_000);
    quiet(&sim);
    assert!(verdicts(&sim.stream).into_values().all(|verdict| verdict == Verdict::Quiet), "and all can tell");
}

#[test]
fn an_error_that_passed() {
    for code in ["EIO", "E117", "ENOSPC", "EROFS"] {
        let mut sim = Sim::healthy(56);
        sim.kernel(OLD, "I/O error, dev DEV, sector 16386 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2");
        sim.disks[OLD].hiccup = Some(code);
        sim.run(1_500);
        sim.disks[OLD].hiccup = None;
        sim.run(8_000);
        quiet(&sim);
    }
}

#[test]
fn an_administrators_moment() {
    let mut sim = Sim::healthy(57);
    for _snapshot in 0..4 {
        sim.remount(true);
        sim.run(1_500);
        sim.remount(false);
        sim.run(1_000);
    }
    quiet(&sim);
}

#[test]
fn a_device_that_is_protected_under_a_file_system_that_is_writable() {
    // Linux 6.18 logs it and goes on.
    let mut sim = Sim::healthy(58);
    sim.disks[OLD].protected = true;
    sim.kernel(OLD, "Trying to write to read-only block-device DEV");
    sim.run(6_000);
    quiet(&sim);
}

#[test]
fn errors_of_the_other_disk() {
    // Of the device that a migration brings, and that nobody uses yet.
    let mut sim = Sim::healthy(59);
    sim.stop_jobs();
    sim.disks[NEW].errors_count = 3;
    sim.disks[NEW].protected = true;
    sim.kernel(NEW, "EXT4-fs error (device DEV): ext4_find_entry:1612: inode #2: comm tar: reading directory lblock 0");
    sim.run(6_000);
    quiet(&sim);
    let from = sim.now;
    sim.remount(true);
    sim.run(4_000);
    only(&sim, super::super::LEFT_READ_ONLY, from, 2_900, &[]);
}

#[test]
fn errors_of_which_nobody_knows_whose_they_are_count() {
    let mut sim = Sim::healthy(60);
    sim.names_devices = false;
    sim.run(500);
    sim.stop_jobs();
    sim.kernel(NEW, "EXT4-fs error (device DEV): ext4_find_entry:1612: inode #2: comm tar: reading directory lblock 0");
    sim.run(6_000);
    quiet(&sim);
    sim.remount(true);
    sim.run(4_000);
    assert_eq!(sim.diagnoses(), [super::super::FILESYSTEM_ERROR]);
}

#[test]
fn a_refusal_that_is_not_the_services_or_not_a_puts() {
    for (code, text) in [
        ("client", "PUT /blobs/probe"),
        ("500", "GET /blobs/probe"),
        ("399", "PUT /blobs/probe"),
        ("600", "PUT /blobs/probe"),
    ] {
        let mut sim = Sim::healthy(61);
        sim.run(4_000);
        for seen in &mut sim.stream {
            if let Signal::Query { of, answer } = &mut seen.signal
                && of == "http:roundtrip"
            {
                *answer = error(code, text);
            }
        }
        quiet(&sim);
    }
}

#[test]
fn a_master_that_monit_starts_again() {
    let mut sim = Sim::healthy(66);
    sim.commands.extend(["nginx: worker process", "nginx: worker process"]);
    sim.run(2_500);
    sim.commands.push("nginx: master process nginx");
    sim.run(6_000);
    quiet(&sim);
}
