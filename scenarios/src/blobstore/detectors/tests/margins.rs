//! Each condition of each detector, at its margin.

use super::super::{DISK_FULL, FILESYSTEM_ERROR, LEFT_READ_ONLY, ORPHANED_WORKERS, READS_ONLY, node};
use super::{diagnoses::incident, *};

/// A stream of one moment's signals, every 100 ms from `from` to `to`.
fn held(signals: &[Signal], from: u64, to: u64) -> Vec<Observation> {
    let at = |at: u64| {
        let seen = move |signal: &Signal| Observation {
            at: Moment(at),
            wall: Default::default(),
            node: NODE.into(),
            signal: signal.clone(),
        };
        signals.iter().map(seen)
    };
    (from..=to).step_by(100).flat_map(at).collect()
}

/// What one look at a VM says whose disk is in the state that `make` makes.
fn look(make: impl FnOnce(&mut Sim)) -> Vec<Signal> {
    let mut sim = Sim::healthy(80);
    make(&mut sim);
    sim.stream.clear();
    sim.looking = Some((0, sim.table()));
    sim.end_look_at_disks();
    for probe in HEALTH..=MACHINE {
        sim.look(probe);
    }
    sim.stream.into_iter().map(|seen| seen.signal).collect()
}

/// Two seconds of this and no less: nothing fires before, and something after.
#[test]
fn every_hold_is_two_seconds() {
    let states: [fn(&mut Sim); 5] = [
        |sim| sim.remount(true),
        |sim| sim.error(true),
        |sim| (sim.disks[OLD].read_only, sim.disks[OLD].protected) = (true, true),
        |sim| sim.disks[OLD].free = 0,
        |sim| sim.disks[OLD].hiccup = Some("EACCES"),
    ];
    for (index, state) in states.into_iter().enumerate() {
        let signals = look(state);
        assert_eq!(fired(&held(&signals, 0, 1_900)), BTreeMap::new(), "state {index}");
        let late = fired(&held(&signals, 0, 2_000));
        assert!(!late.is_empty() && late.values().all(|(at, _)| *at == Moment(2_000)), "state {index}: {late:?}");
    }
}

/// The signals without those that `drop` names.
fn without(signals: &[Signal], drop: impl Fn(&Signal) -> bool) -> Vec<Signal> {
    signals.iter().filter(|signal| !drop(signal)).cloned().collect()
}

fn is_query(signal: &Signal, prefix: &str) -> bool {
    matches!(signal, Signal::Query { of, .. } if of.starts_with(prefix))
}

#[test]
fn without_a_signal_that_it_needs_each_says_so() {
    let read_only = look(|sim| sim.remount(true));
    for prefix in ["write:", "device:"] {
        let blind = held(&without(&read_only, |signal| is_query(signal, prefix)), 0, 4_000);
        let said = &verdicts(&blind)[LEFT_READ_ONLY];
        assert!(matches!(said, Verdict::Unknown { .. }), "{prefix}: {said:?}");
    }
    for prefix in ["http:health", "monit:"] {
        let blind = held(&without(&read_only, |signal| is_query(signal, prefix)), 0, 4_000);
        let said = &verdicts(&blind)[READS_ONLY];
        assert!(matches!(said, Verdict::Unknown { .. }), "{prefix}: {said:?}");
    }
    // A mount alone can be told without knowing whether the device is protected.
    let bound = look(|sim| sim.bind(true));
    let unprotected = bound.iter().map(|signal| match signal {
        Signal::Query { of, .. } if of.starts_with("device:") => {
            Signal::Query { of: of.clone(), answer: values(&[("errors_count", "0"), ("kernel", "loop3")]) }
        }
        other => other.clone(),
    });
    let stream = held(&unprotected.collect::<Vec<_>>(), 0, 4_000);
    assert!(fired(&stream).contains_key(LEFT_READ_ONLY));
}

#[test]
fn a_tmpfs_has_neither_a_device_nor_a_counter() {
    let mut signals = without(&look(|sim| sim.bind(true)), |signal| is_query(signal, "device:"));
    for signal in &mut signals {
        let Signal::Mounts { table } = signal else { continue };
        for mount in table.iter_mut().filter(|mount| mount.path == STORE) {
            (mount.filesystem, mount.source, mount.super_options) = ("tmpfs".into(), "tmpfs".into(), "ro".into());
        }
    }
    assert!(fired(&held(&signals, 0, 4_000)).contains_key(LEFT_READ_ONLY));
}

#[test]
fn writes_that_fail_under_a_table_that_says_rw_are_nobodys() {
    // A seccomp rule that answers EROFS is a trap, and no disk.
    let signals = look(|sim| sim.disks[OLD].hiccup = Some("EROFS"));
    let stream = held(&signals, 0, 5_000);
    assert_eq!(fired(&stream).into_keys().collect::<Vec<_>>(), [READS_ONLY]);
    let said = &verdicts(&stream)[LEFT_READ_ONLY];
    let Verdict::Unknown { why } = said else { panic!("{said:?}") };
    assert_eq!(why, "nfs_server: /var/vcap/store: a write fails with EROFS, and the mount table says rw");
}

/// Signals that nobody renews count for 3 s.
#[test]
fn stale_signals_are_no_evidence() {
    for prefix in ["write:", "device:"] {
        let signals = look(|sim| sim.remount(true));
        let renewed = without(&signals, |signal| is_query(signal, prefix));
        let limit = node::FRESH.as_millis() as u64;
        let mut stream = held(&signals, 0, 0);
        stream.extend(held(&renewed, 100, limit + 2_000));
        let late = fired(&stream);
        assert_eq!(late[LEFT_READ_ONLY].0, Moment(2_000));
        let until = |end: u64| stream.iter().filter(|seen| seen.at <= Moment(end)).cloned().collect::<Vec<_>>();
        assert!(matches!(verdicts(&until(limit))[LEFT_READ_ONLY], Verdict::Fired { .. }), "{prefix}");
        assert!(matches!(verdicts(&until(limit + 100))[LEFT_READ_ONLY], Verdict::Unknown { .. }), "{prefix}");
    }
}

#[test]
fn blindness_is_unknown() {
    let mut stream = held(&look(|sim| sim.remount(true)), 0, 4_000);
    let blind = Signal::Blind { probe: "mounts".into(), why: "no shell".into() };
    stream.extend(held(&[blind], 4_100, 8_000));
    for (id, verdict) in verdicts(&stream) {
        assert!(matches!(verdict, Verdict::Unknown { .. }), "{id}: {verdict:?}");
    }
}

#[test]
fn what_was_written_to_another_mount_says_nothing_of_this_one() {
    // The last write was refused; then the disk is mounted anew, and no write ended yet.
    let read_only = look(|sim| sim.remount(true));
    let mut stream = held(&read_only, 0, 1_500);
    let fresh = without(&look(|_| {}), |signal| is_query(signal, "write:"));
    stream.extend(held(&fresh, 1_600, 4_000));
    assert_eq!(fired(&stream).into_keys().collect::<Vec<_>>(), [""; 0]);
    let said = &verdicts(&stream[..held(&read_only, 0, 1_500).len() + fresh.len()])[LEFT_READ_ONLY];
    assert!(matches!(said, Verdict::Unknown { why } if why.ends_with("no write was seen to end")), "{said:?}");
}

#[test]
fn a_machine_that_is_off_has_no_mounts() {
    let mut stream = held(&look(|sim| sim.remount(true)), 0, 1_500);
    let off =
        Signal::Machine { running: false, paused: false, exit_code: Some(137), oom_killed: false, finished: None };
    stream.extend(held(&[off], 1_600, 8_000));
    let said = verdicts(&stream);
    let of_disks = |id: &str| ![READS_ONLY, ORPHANED_WORKERS].contains(&id);
    assert!(said.iter().filter(|(id, _)| of_disks(id)).all(|(_, said)| *said == Verdict::Quiet), "{said:?}");
    assert_eq!(fired(&stream), BTreeMap::new());
}

#[test]
fn a_copy_of_another_folder_is_no_migration() {
    let mut sim = Sim::healthy(81);
    incident(&mut sim);
    sim.mount(NEW, TARGET, false);
    sim.commands.push("tar -C /var/vcap/store -cf /root/rescue.tar .");
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [LEFT_READ_ONLY]);
    // And a copy while no target is mounted is none, whatever it names.
    let mut sim = Sim::healthy(82);
    incident(&mut sim);
    sim.commands.push("tar -C /var/vcap/store_migration_target -xpf -");
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [LEFT_READ_ONLY]);
}

#[test]
fn a_list_of_processes_from_before_the_copy_says_nothing() {
    let signals = look(|sim| {
        sim.stop_jobs();
        sim.mount(NEW, TARGET, false);
        sim.remount(true);
    });
    let renewed = without(&signals, |signal| matches!(signal, Signal::Processes { .. }));
    let mut stream = held(&signals, 0, 0);
    stream.extend(held(&renewed, 100, 10_000));
    assert_eq!(fired(&stream), BTreeMap::new());
    // Renewed once a second it counts.
    let mut stream = Vec::new();
    for second in 0..5 {
        stream.extend(held(&signals, second * 1_000, second * 1_000));
        stream.extend(held(&renewed, second * 1_000 + 100, second * 1_000 + 900));
    }
    assert_eq!(fired(&stream).into_keys().collect::<Vec<_>>(), [LEFT_READ_ONLY]);
}

#[test]
fn an_error_outweighs_a_migration_a_protection_and_a_full_disk() {
    let states: [fn(&mut Sim); 3] = [
        |sim| sim.migrate(0, false),
        |sim| (sim.disks[OLD].read_only, sim.disks[OLD].protected) = (true, true),
        |sim| sim.disks[OLD].free = 0,
    ];
    for state in states {
        let signals = look(|sim| {
            sim.stop_jobs();
            state(sim);
            sim.disks[OLD].errors_count = 1;
        });
        assert_eq!(fired(&held(&signals, 0, 4_000)).into_keys().collect::<Vec<_>>(), [FILESYSTEM_ERROR]);
    }
}

#[test]
fn the_service_alone_is_not_enough() {
    // Monit sees nothing, or not all, or is down; or health is bad: somebody else knows.
    let states: [fn(&mut Sim); 4] = [
        |sim| sim.monit = Some(BTreeMap::new()),
        |sim| sim.monit = None,
        |sim| _ = sim.monit.as_mut().map(|entries| entries.insert("blobstore_nginx", "Not monitored")),
        |sim| sim.serves = false,
    ];
    for (index, state) in states.into_iter().enumerate() {
        let mut signals = look(|sim| {
            sim.remount(true);
            state(sim);
        });
        for signal in &mut signals {
            if is_query(signal, "http:roundtrip") {
                *signal = Signal::Query { of: "http:roundtrip".into(), answer: error("500", "PUT /blobs/probe") };
            }
        }
        let stream = held(&signals, 0, 4_000);
        assert_eq!(fired(&stream).into_keys().collect::<Vec<_>>(), [LEFT_READ_ONLY], "state {index}");
        assert_eq!(verdicts(&stream)[READS_ONLY], Verdict::Quiet, "state {index}");
    }
}

#[test]
fn a_kernel_log_that_cannot_be_read_is_told() {
    let blind = |probe: &str| Signal::Blind { probe: probe.into(), why: "no helper".into() };
    let told = |stream: &[Observation]| {
        let (_, evidence) = fired(stream).remove(LEFT_READ_ONLY).expect("fired");
        evidence.into_iter().find(|line| line.contains("kernel's log")).expect("a line")
    };
    let signals = look(|sim| sim.remount(true));
    let held = held(&signals, 100, 4_000);
    let at = |signal| Observation { at: Moment(0), wall: Default::default(), node: NODE.into(), signal };
    let after = |first: &[Signal]| {
        let first = first.iter().cloned().map(at);
        first.chain(held.iter().cloned()).collect::<Vec<_>>()
    };
    assert_eq!(told(&after(&[blind("mounts")])), "nfs_server: the kernel's log tells of no error");
    assert_eq!(told(&after(&[blind("kernel log"), blind("mounts")])), "nfs_server: the kernel's log could not be read");
    let line = Signal::Kernel { line: "EXT4-fs (loop3): re-mounted 0e545773 ro.".into() };
    assert_eq!(told(&after(&[blind("kernel log"), line])), "nfs_server: the kernel's log tells of no error");
}

/// The look with what is said of the old disk's device replaced.
fn counters(signals: &[Signal], said: &[(&str, &str)]) -> Vec<Signal> {
    let replaced = |signal: &Signal| match signal {
        Signal::Query { of, .. } if of == "device:/dev/sdd1" => Signal::Query { of: of.clone(), answer: values(said) },
        other => other.clone(),
    };
    signals.iter().map(replaced).collect()
}

#[test]
fn each_of_the_two_counters_must_be_known() {
    let signals = look(|sim| sim.remount(true));
    for (said, why) in [
        ([("errors_count", "0")], "whether its device is write-protected is not known"),
        ([("write_protected", "0")], "whether its file system has recorded errors is not known"),
    ] {
        let stream = held(&counters(&signals, &said), 0, 4_000);
        assert_eq!(fired(&stream).into_keys().collect::<Vec<_>>(), [READS_ONLY]);
        let verdict = &verdicts(&stream)[LEFT_READ_ONLY];
        assert!(matches!(verdict, Verdict::Unknown { why: said } if said.ends_with(why)), "{verdict:?}");
    }
}

#[test]
fn a_mount_alone_is_read_only_whatever_its_device_is() {
    let signals = look(|sim| {
        sim.stop_jobs();
        sim.bind(true);
        sim.disks[OLD].protected = true;
    });
    assert_eq!(fired(&held(&signals, 0, 4_000)).into_keys().collect::<Vec<_>>(), [LEFT_READ_ONLY]);
}

#[test]
fn each_option_by_which_a_file_system_gives_up() {
    for option in ["emergency_ro", "shutdown", "abort"] {
        let mut signals = look(|_| {});
        for signal in &mut signals {
            let Signal::Mounts { table } = signal else { continue };
            for mount in table.iter_mut().filter(|mount| mount.path == STORE) {
                mount.super_options = format!("rw,{option}");
            }
        }
        let fired = fired(&held(&signals, 0, 4_000));
        assert_eq!(fired.into_keys().collect::<Vec<_>>(), [FILESYSTEM_ERROR], "{option}");
    }
}

#[test]
fn a_disk_without_inodes_is_full_however_many_bytes_are_free() {
    let signals = look(|sim| {
        sim.stop_jobs();
        sim.disks[OLD].hiccup = Some("ENOSPC");
    });
    assert_eq!(fired(&held(&signals, 0, 4_000)).into_keys().collect::<Vec<_>>(), [DISK_FULL]);
}

#[test]
fn a_disk_of_which_nothing_can_be_told_hides_no_other() {
    let stream = held(&look(|sim| sim.bind(true)), 0, 4_000);
    for other in ["a", "z"] {
        let untold = held(&look(|sim| sim.disks[OLD].hiccup = Some("EACCES")), 0, 4_000);
        let untold = untold.into_iter().map(|seen| Observation { node: other.into(), ..seen });
        let mut both: Vec<_> = untold.chain(stream.iter().cloned()).collect();
        both.sort_by_key(|seen| seen.at);
        assert!(matches!(verdicts(&both)[LEFT_READ_ONLY], Verdict::Fired { .. }), "{other}");
    }
}
