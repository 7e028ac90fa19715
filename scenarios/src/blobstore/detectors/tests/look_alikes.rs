//! What looks like a failure and is none: every detector stays silent.

use reenact::detect::testing::{said, scenes, seen};

use super::super::LEFT_READ_ONLY;
use super::{diagnoses::SOON, *};

fn stays_quiet(scene: fn(&mut Sim)) {
    for seed in 40..43 {
        let mut sim = Sim::healthy(seed);
        scene(&mut sim);
        sim.quiet();
    }
}

scenes!(
    stays_quiet,
    a_healthy_vm_among_sixteen_read_only_mounts = |sim| {
        sim.run(10_000);
        sim.knows();
    },
    migrations_that_succeed = |sim| {
        for took in [300, 2_000, 30_000] {
            sim.migrate_and_start(took);
            sim.run(4_000);
        }
    },
    a_migration_at_which_nobody_sees_the_processes = |sim| {
        sim.migrate_and_start(20_000);
        sim.run(2_000);
        sim.seen.retain(|seen| !matches!(seen.signal, Signal::Processes { .. }));
    },
    a_copy_that_fills_the_new_disk_before_it_fails = |sim| {
        sim.stop_jobs();
        sim.disks[NEW].free = 0;
        sim.declared = None;
        sim.migrate(8_000, false);
    },
    a_target_that_was_declared_writable_is_not_in_use_yet = |sim| {
        sim.stop_jobs();
        sim.disks[NEW].free = 0;
        sim.mount(NEW, TARGET, false);
        for _look in 0..20 {
            sim.run(250);
            let mut table = sim.table();
            for mount in table.iter_mut().filter(|mount| mount.path == TARGET) {
                mount.declared = Some(Access::ReadWrite);
            }
            sim.emit(NODE, Signal::Mounts { table });
            sim.ask(&format!("write:{TARGET}"), error("ENOSPC", "No space left on device"));
        }
    },
    what_is_declared_read_only = |sim| {
        sim.stop_jobs();
        sim.declared = Some(Access::ReadOnly);
        sim.remount(true);
        sim.run(6_000);
    },
    what_nobody_declared = |sim| {
        sim.stop_jobs();
        sim.declared = None;
        sim.remount(true);
        sim.run(6_000);
    },
    a_slow_disk = |sim| {
        for slow in [1_000, 2_000, 2_500] {
            sim.slow = slow;
            sim.run(15_000);
        }
        // Given up after 3 s each time.
        sim.freeze();
        sim.run(15_000);
    },
    a_disk_that_is_frozen_for_snapshots = |sim| {
        for frozen in [1_000, 2_000, 5_000, 16_000] {
            sim.freeze();
            sim.run(frozen);
            sim.thaw();
            sim.run(4_000);
        }
        sim.knows();
    },
    monit_that_reloads = |sim| {
        for _reload in 0..3 {
            sim.monit = None;
            sim.run(400);
            sim.reload();
            sim.run(1_500);
        }
    },
    an_nginx_that_is_slow_to_start = |sim| {
        sim.does_not_start();
        sim.run(24_000);
        sim.starts();
        sim.run(30_000);
        sim.knows();
    },
    jobs_that_an_operator_has_stopped = |sim| {
        sim.stop_jobs();
        sim.run(80_000);
        sim.knows();
        assert!(sim.start_jobs());
        sim.run(30_000);
        sim.knows();
    },
    a_migration_and_a_check_that_take_long = |sim| {
        sim.migrate_and_start(120_000);
        sim.stop_jobs();
        sim.commands.push("e2fsck -fn /dev/sdd1");
        sim.run(120_000);
    },
    a_vm_that_takes_long_to_reboot = |sim| {
        sim.restart(24_000);
        sim.run(30_000);
    },
    jobs_that_are_restarted = |sim| {
        for _restart in 0..3 {
            sim.stop_jobs();
            sim.run(500);
            assert!(sim.start_jobs());
            sim.run(1_000);
        }
    },
    a_vm_that_is_restarted = |sim| {
        for off in [500, 2_000, 8_000] {
            sim.restart(off);
            sim.run(4_000);
        }
    },
    a_disk_that_is_away_while_somebody_works_at_it = |sim| {
        sim.stop_jobs();
        sim.unmount(STORE);
        sim.run(14_500);
        sim.knows();
        sim.commands.push("/sbin/e2fsck -fy /dev/sdd1");
        sim.run(60_000);
        sim.knows();
        sim.commands.pop();
        sim.run(1_500);
        sim.mount(OLD, STORE, false);
        assert!(sim.start_jobs());
        sim.run(4_000);
        sim.knows();
    },
    jobs_that_start_a_moment_before_the_disk_is_there = |sim| {
        sim.start_without_disk();
        sim.run(1_500);
        sim.mount(OLD, STORE, false);
        sim.run(6_000);
        sim.knows();
    },
    errors_that_passed = |sim| {
        for code in ["EIO", "E117", "ENOSPC", "EROFS"] {
            sim.kernel(OLD, "I/O error, dev DEV, sector 16386 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2");
            sim.disks[OLD].hiccup = Some(code);
            sim.run(1_500);
            sim.disks[OLD].hiccup = None;
            sim.run(8_000);
        }
    },
    an_administrators_moments = |sim| {
        for _snapshot in 0..4 {
            sim.remount(true);
            sim.run(1_500);
            sim.remount(false);
            sim.run(1_000);
        }
    },
    // Linux 6.18 logs it and goes on.
    a_device_that_is_protected_under_a_file_system_that_is_writable = |sim| {
        sim.disks[OLD].protected = true;
        sim.kernel(OLD, "Trying to write to read-only block-device DEV");
        sim.run(6_000);
    },
    a_master_that_monit_starts_again = |sim| {
        sim.commands.extend(["nginx: worker process", "nginx: worker process"]);
        sim.run(2_500);
        sim.commands.push("nginx: master process nginx");
        sim.run(6_000);
    },
);

#[test]
fn a_machine_beside_it_that_may_only_read() {
    let mut sim = Sim::healthy(48);
    sim.run(5_000);
    let readers = sim.stream().into_iter().filter_map(|mut seen| {
        let Signal::Mounts { table } = &mut seen.signal else { return None };
        for mount in table.iter_mut() {
            mount.declared = mount.declared.map(|_| Access::ReadOnly);
            (mount.options, mount.super_options) = ("ro".into(), "ro".into());
        }
        Some(Observation { node: "reader".into(), ..seen })
    });
    sim.seen.extend(readers.collect::<Vec<_>>());
    sim.quiet();
}

#[test]
fn a_root_that_is_read_only_is_no_disk() {
    let mut looks = reenact::detect::testing::last_look(&Sim::healthy(49).stream());
    for (_, signal) in &mut looks {
        let Signal::Mounts { table } = signal else { continue };
        for mount in table.iter_mut().filter(|mount| mount.path == "/") {
            (mount.options, mount.super_options) = ("ro".into(), "ro".into());
        }
    }
    looks.push((NODE.into(), query("write:/", error("EROFS", "Read-only file system"))));
    let mut tape = Tape::new("blobstore/", 1);
    tape.every(0, 8_000, &looks);
    tape.knows();
}

const FOREIGN: &str =
    "EXT4-fs error (device DEV): ext4_find_entry:1612: inode #2: comm tar: reading directory lblock 0";

/// Of the device that a migration brings, and that nobody uses yet.
#[test]
fn errors_of_the_other_disk() {
    let mut sim = Sim::healthy(59);
    sim.stop_jobs();
    (sim.disks[NEW].errors_count, sim.disks[NEW].protected) = (3, true);
    sim.kernel(NEW, FOREIGN);
    sim.run(6_000);
    sim.quiet();
    let from = sim.now;
    sim.remount(true);
    sim.run(4_000);
    sim.only(LEFT_READ_ONLY, from, SOON, &[]);
}

#[test]
fn a_refusal_that_is_not_the_services_or_not_a_puts() {
    for (code, text) in [("client", "PUT x"), ("500", "GET x"), ("399", "PUT x"), ("600", "PUT x")] {
        let mut sim = Sim::healthy(61);
        sim.run(4_000);
        let answer = |at| seen(at, NODE, query("http:roundtrip", error(code, text)));
        let stream = sim.stream().into_iter().map(|seen| match &seen.signal {
            Signal::Query { of, .. } if of == "http:roundtrip" => answer(seen.at.0),
            _ => seen,
        });
        said(&stream.collect::<Vec<_>>(), "blobstore/").quiet();
    }
}
