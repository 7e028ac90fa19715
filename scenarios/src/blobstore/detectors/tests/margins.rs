//! Each condition of each detector, at its margin.

use reenact::{
    detect::{
        Verdict,
        testing::{Look, Said, assert_fresh, assert_hold, held, last_look, said, without},
    },
    probe::Moment,
};

use super::super::{
    DISK_FULL, DISK_NOT_MOUNTED, DISK_STALLED, DOES_NOT_START, FILESYSTEM_ERROR, LEFT_READ_ONLY, ORPHANED_WORKERS,
    READS_ONLY, WRITE_PROTECTED, WRITES_STALLED,
};
use super::{diagnoses::incident, *};

/// What is done to a simulated system, and how long it may last, in milliseconds.
type State = (&'static str, fn(&mut Sim), u64);

/// What one look at a VM says whose disk is in the state that `make` makes.
fn look(make: impl FnOnce(&mut Sim)) -> Vec<Look> {
    let mut sim = Sim::healthy(80);
    make(&mut sim);
    sim.run(1_400);
    last_look(&sim.stream())
}

/// What is said of such looks after four seconds.
fn after(looks: &[Look]) -> Said {
    said(&held(looks, 0, 4_000), "blobstore/")
}

#[test]
fn each_hold_is_what_it_is() {
    let states: [State; 10] = [
        (DOES_NOT_START, Sim::does_not_start, 25_000),
        (DISK_NOT_MOUNTED, Sim::start_without_disk, 3_000),
        (LEFT_READ_ONLY, |sim| sim.remount(true), 2_000),
        (FILESYSTEM_ERROR, |sim| sim.error(true), 2_000),
        (WRITE_PROTECTED, Sim::protect, 2_000),
        (DISK_FULL, |sim| sim.disks[OLD].free = 0, 2_000),
        (READS_ONLY, |sim| sim.disks[OLD].hiccup = Some("EACCES"), 2_000),
        (ORPHANED_WORKERS, |sim| sim.commands.push("nginx: worker process"), 4_000),
        (WRITES_STALLED, |sim| sim.stalled = Some(sim.now), 15_000),
        (DISK_STALLED, |sim| sim.disks[OLD].hiccup = Some("hung"), 20_000),
    ];
    for (id, make, hold) in states {
        let make = |sim: &mut Sim| {
            make(sim);
            sim.run(1_400);
        };
        assert_hold(Sim::healthy(80), make, id, hold);
    }
}

fn is_query(signal: &Signal, prefix: &str) -> bool {
    matches!(signal, Signal::Query { of, .. } if of.starts_with(prefix))
}

#[test]
fn each_look_is_known_for_its_time() {
    let read_only = |sim: &mut Sim| {
        sim.remount(true);
        sim.run(1_400);
    };
    for prefix in ["write:", "device:"] {
        assert_fresh(Sim::healthy(80), read_only, |signal| is_query(signal, prefix), LEFT_READ_ONLY, 3_000);
    }
    let stalled = |sim: &mut Sim| {
        sim.disks[OLD].hiccup = Some("hung");
        sim.run(1_400);
    };
    for prefix in ["write:", "statfs:"] {
        assert_fresh(Sim::healthy(80), stalled, |signal| is_query(signal, prefix), DISK_STALLED, 8_000);
    }
    let is_table = |signal: &Signal| matches!(signal, Signal::Mounts { .. });
    assert_fresh(Sim::healthy(80), stalled, is_table, DISK_STALLED, 8_000);
    let is_declared = |signal: &Signal| is_query(signal, "declared:");
    assert_fresh(Sim::healthy(80), Sim::start_without_disk, is_declared, DISK_NOT_MOUNTED, 3_000);
    let silent = |sim: &mut Sim| {
        sim.serves = false;
        sim.run(1_400);
    };
    assert_fresh(Sim::healthy(80), silent, |signal| is_query(signal, "http:health"), DOES_NOT_START, 3_000);
    let failing = |sim: &mut Sim| {
        sim.does_not_start();
        sim.serves = true;
        sim.run(1_400);
    };
    assert_fresh(Sim::healthy(80), failing, |signal| is_query(signal, "monit:summary"), DOES_NOT_START, 3_000);
    let orphans = |sim: &mut Sim| {
        sim.commands.push("nginx: worker process");
        sim.run(1_400);
    };
    let is_list = |signal: &Signal| matches!(signal, Signal::Processes { .. });
    assert_fresh(Sim::healthy(80), orphans, is_list, ORPHANED_WORKERS, 1_500);
}

/// The looks in which the answer to that question is another.
fn answered(looks: &[Look], prefix: &str, answer: &Answer) -> Vec<Look> {
    let mut looks = looks.to_vec();
    for (_, signal) in looks.iter_mut().filter(|(_, signal)| is_query(signal, prefix)) {
        let Signal::Query { answer: old, .. } = signal else { continue };
        old.clone_from(answer);
    }
    looks
}

/// The looks in which the store is mounted in another way.
fn mounted(looks: &[Look], how: impl Fn(&mut Mount)) -> Vec<Look> {
    let mut looks = looks.to_vec();
    for (_, signal) in &mut looks {
        let Signal::Mounts { table } = signal else { continue };
        table.iter_mut().filter(|mount| mount.path == STORE).for_each(&how);
    }
    looks
}

#[test]
fn without_a_signal_that_it_needs_each_says_so() {
    let read_only = look(|sim| sim.remount(true));
    for (prefix, id) in [("device:", LEFT_READ_ONLY), ("http:health", READS_ONLY), ("monit:", READS_ONLY)] {
        let said = after(&without(&read_only, |signal| is_query(signal, prefix)));
        assert!(matches!(said.last[id], Verdict::Unknown { .. }), "{prefix}: {said:?}");
    }
    // A mount alone can be told without knowing whether the device is protected.
    let counters = values([("errors_count", "0"), ("kernel", "loop3")]);
    let bound = answered(&look(|sim| sim.bind(true)), "device:", &counters);
    assert_eq!(after(&bound).firing(), [LEFT_READ_ONLY, READS_ONLY]);
}

/// On a live system nobody may try a write: what one would meet, the mount table tells.
#[test]
fn where_no_write_is_tried_the_mount_table_tells() {
    let passive = |looks: &[Look]| without(looks, |signal| is_query(signal, "write:"));
    let firing = |looks: &[Look]| after(&passive(looks)).firing().contains(&LEFT_READ_ONLY);
    assert!(firing(&look(|sim| sim.remount(true))));
    assert!(firing(&look(|sim| sim.bind(true))));
    assert!(!firing(&look(|_| {})));
}

#[test]
fn a_tmpfs_has_neither_a_device_nor_a_counter() {
    let looks = without(&look(|sim| sim.bind(true)), |signal| is_query(signal, "device:"));
    let tmpfs = mounted(&looks, |mount| {
        (mount.filesystem, mount.source, mount.super_options) = ("tmpfs".into(), "tmpfs".into(), "ro".into());
    });
    assert_eq!(after(&tmpfs).firing(), [LEFT_READ_ONLY, READS_ONLY]);
}

/// A seccomp rule that answers EROFS is a trap, and no disk.
#[test]
fn writes_that_fail_under_a_table_that_says_rw_are_nobodys() {
    let said = after(&look(|sim| sim.disks[OLD].hiccup = Some("EROFS")));
    assert_eq!(said.diagnoses(), [READS_ONLY]);
    let why = "nfs_server: /var/vcap/store: a write fails with EROFS, and the mount table says rw";
    assert_eq!(said.why(LEFT_READ_ONLY), why);
}

#[test]
fn blindness_is_unknown() {
    let mut stream = held(&look(|sim| sim.remount(true)), 0, 4_000);
    let blind = Signal::Blind { probe: "mounts".into(), why: "no shell".into() };
    stream.extend(held(&[(NODE.into(), blind)], 4_100, 8_000));
    let said = said(&stream, "blobstore/");
    assert!(said.last.values().all(|verdict| matches!(verdict, Verdict::Unknown { .. })), "{said:?}");
}

/// The last write was refused; then the disk is mounted anew, and no write ended yet.
#[test]
fn what_was_written_to_another_mount_says_nothing_of_this_one() {
    let mut stream = held(&look(|sim| sim.remount(true)), 0, 1_500);
    stream.extend(held(&without(&look(|_| {}), |signal| is_query(signal, "write:")), 1_600, 4_000));
    said(&stream, "blobstore/").quiet();
    stream.retain(|seen| seen.at <= Moment(1_600));
    assert!(said(&stream, "blobstore/").why(LEFT_READ_ONLY).ends_with("no write was seen to end"));
}

#[test]
fn a_machine_that_is_off_has_no_mounts() {
    let mut stream = held(&look(|sim| sim.remount(true)), 0, 1_500);
    stream.extend(held(&[(NODE.into(), machine(false, false, Some((137, false, 0))))], 1_600, 8_000));
    let said = said(&stream, "blobstore/");
    said.quiet();
    let quiet = said.last.iter().filter(|(_, verdict)| **verdict == Verdict::Quiet).map(|(id, _)| *id);
    assert_eq!(
        quiet.collect::<Vec<_>>(),
        [DISK_FULL, DISK_NOT_MOUNTED, DISK_STALLED, DOES_NOT_START, FILESYSTEM_ERROR, LEFT_READ_ONLY, WRITE_PROTECTED]
    );
}

/// Both of what is there and of what should be.
#[test]
fn what_was_never_declared_is_not_missed_and_nobody_says_that_all_is_there() {
    let looks = look(Sim::start_without_disk);
    let said = after(&without(&looks, |signal| is_query(signal, "declared:")));
    said.quiet();
    assert_eq!(said.why(DISK_NOT_MOUNTED), "what disks were declared was never seen");
    let garbled = answered(&looks, "declared:", &values([("mounted", "perhaps")]));
    assert_eq!(after(&garbled).why(DISK_NOT_MOUNTED), "nfs_server: whether /var/vcap/store is mounted is not known");
}

/// Nor is a copy while no target is mounted, whatever it names.
#[test]
fn a_copy_of_another_folder_is_no_migration() {
    let (rescue, stray) =
        ("tar -C /var/vcap/store -cf /root/rescue.tar .", "tar -C /var/vcap/store_migration_target -xpf -");
    for (command, target) in [(rescue, true), (stray, false)] {
        let mut sim = Sim::healthy(81);
        incident(&mut sim);
        if target {
            sim.mount(NEW, TARGET, false);
        }
        sim.commands.push(command);
        sim.run(5_000);
        assert_eq!(sim.diagnoses(), [LEFT_READ_ONLY], "{command}");
    }
}

#[test]
fn a_list_of_processes_from_before_the_copy_says_nothing() {
    let looks = look(|sim| {
        sim.stop_jobs();
        sim.mount(NEW, TARGET, false);
        sim.remount(true);
    });
    let renewed = without(&looks, |signal| matches!(signal, Signal::Processes { .. }));
    let mut tape = Tape::new("blobstore/", 1);
    tape.every(0, 0, &looks).every(100, 10_000, &renewed).quiet();
    // Renewed once a second it counts.
    let mut tape = Tape::new("blobstore/", 1);
    for second in (0..5_000).step_by(1_000) {
        tape.every(second, second, &looks).every(second + 100, second + 900, &renewed);
    }
    assert_eq!(tape.diagnoses(), [LEFT_READ_ONLY]);
}

#[test]
fn an_error_outweighs_a_migration_a_protection_and_a_full_disk() {
    let states: [fn(&mut Sim); 3] = [|sim| sim.migrate(0, false), Sim::protect, |sim| sim.disks[OLD].free = 0];
    for state in states {
        let looks = look(|sim| {
            sim.stop_jobs();
            state(sim);
            sim.disks[OLD].errors_count = 1;
        });
        assert_eq!(after(&looks).diagnoses(), [FILESYSTEM_ERROR]);
    }
}

/// Monit sees nothing, or not all, or is down; or health is bad: somebody else knows.
#[test]
fn the_service_alone_is_not_enough() {
    let states: [fn(&mut Sim); 4] = [
        |sim| sim.monit = Some(BTreeMap::new()),
        |sim| sim.monit = None,
        |sim| _ = sim.monit.as_mut().map(|entries| entries.insert("blobstore_nginx", "Not monitored")),
        |sim| sim.serves = false,
    ];
    for (index, state) in states.into_iter().enumerate() {
        let looks = look(|sim| {
            sim.remount(true);
            state(sim);
        });
        let said = after(&answered(&looks, "http:roundtrip", &error("500", "PUT /blobs/probe")));
        assert_eq!(said.diagnoses(), [LEFT_READ_ONLY], "state {index}");
        assert_eq!(said.last[READS_ONLY], Verdict::Quiet, "state {index}");
    }
}

#[test]
fn each_of_the_two_counters_must_be_known() {
    let looks = look(|sim| sim.remount(true));
    for (counter, why) in [
        ("errors_count", "whether its device is write-protected is not known"),
        ("write_protected", "whether its file system has recorded errors is not known"),
    ] {
        let said = after(&answered(&looks, "device:/dev/sdd1", &values([(counter, "0")])));
        assert_eq!(said.diagnoses(), [READS_ONLY]);
        assert!(said.why(LEFT_READ_ONLY).ends_with(why), "{said:?}");
    }
}

#[test]
fn a_mount_alone_is_read_only_whatever_its_device_is() {
    let looks = look(|sim| {
        sim.stop_jobs();
        sim.bind(true);
        sim.disks[OLD].protected = true;
    });
    assert_eq!(after(&looks).diagnoses(), [LEFT_READ_ONLY]);
}

#[test]
fn each_option_by_which_a_file_system_gives_up() {
    for option in ["emergency_ro", "shutdown", "abort"] {
        let looks = mounted(&look(|_| {}), |mount| mount.super_options = format!("rw,{option}"));
        assert_eq!(after(&looks).diagnoses(), [FILESYSTEM_ERROR], "{option}");
    }
}

#[test]
fn a_disk_without_inodes_is_full_however_many_bytes_are_free() {
    let looks = look(|sim| {
        sim.stop_jobs();
        sim.disks[OLD].hiccup = Some("ENOSPC");
    });
    assert_eq!(after(&looks).diagnoses(), [DISK_FULL]);
}

#[test]
fn a_disk_of_which_nothing_can_be_told_hides_no_other() {
    let untold = look(|sim| sim.disks[OLD].hiccup = Some("EACCES"));
    for other in ["a", "z"] {
        let looks = untold.iter().map(|(_, signal)| (other.to_owned(), signal.clone()));
        let both: Vec<_> = looks.chain(look(|sim| sim.bind(true))).collect();
        assert!(after(&both).firing().contains(&LEFT_READ_ONLY), "{other}");
    }
}
