//! That a disk is sound is said only of what was looked at, and a line of the kernel's log
//! counts for the device that it names.

use reenact::detect::testing::{Look, Said, held, last_look, said, seen, without};

use super::super::{FILESYSTEM_ERROR, LEFT_READ_ONLY, READS_ONLY};
use super::*;

/// What one look at a VM says whose disk was left read-only.
fn left() -> Vec<Look> {
    let mut sim = Sim::healthy(90);
    sim.remount(true);
    sim.run(1_400);
    last_look(&sim.stream())
}

/// What is said after these lines of the kernel's log and four seconds of such looks.
fn after(lines: &[&str], looks: &[Look]) -> Said {
    let lines = lines.iter().map(|line| seen(0, NODE, Signal::Kernel { line: (*line).into() }));
    said(&lines.chain(held(looks, 100, 4_100)).collect::<Vec<_>>(), "blobstore/")
}

/// The looks in which the store holds another file system, which keeps no count.
fn holding(looks: &[Look], filesystem: &str) -> Vec<Look> {
    let mut looks = looks.to_vec();
    for (_, signal) in &mut looks {
        match signal {
            Signal::Mounts { table } => {
                let stores = table.iter_mut().filter(|mount| mount.path == STORE);
                stores.for_each(|mount| mount.filesystem = filesystem.into());
            }
            Signal::Query { of, answer: Answer::Values { values } } if of.starts_with("device:") => {
                values.remove("errors_count");
            }
            _ => {}
        }
    }
    looks
}

fn is_log(signal: &Signal) -> bool {
    matches!(signal, Signal::Query { of, .. } if of == "kernel:log")
}

#[test]
fn a_file_system_that_keeps_no_count_is_not_called_sound() {
    for filesystem in ["btrfs", "xfs", "jfs", "reiserfs", "f2fs", "nfs4", "zfs"] {
        let said = after(&[], &holding(&left(), filesystem));
        assert_eq!(said.diagnoses(), [READS_ONLY], "{filesystem}");
        assert!(said.why(LEFT_READ_ONLY).ends_with(&format!("{filesystem} keeps no count")), "{said:?}");
    }
    for filesystem in ["ext2", "ext3"] {
        let said = after(&[], &holding(&left(), filesystem));
        assert!(said.why(LEFT_READ_ONLY).ends_with("has recorded errors is not known"), "{said:?}");
    }
}

#[test]
fn its_own_line_says_what_it_met() {
    for (filesystem, lines) in [
        (
            "btrfs",
            &[
                "BTRFS: error (device loop3) in x:2736: errno=-28 No space left",
                "BTRFS info (device loop3): forced readonly",
            ][..],
        ),
        ("btrfs", &["BTRFS info (device loop3): forced readonly"]),
        ("xfs", &["XFS (loop3): Filesystem has been shut down due to log error (0x2)."]),
        ("jfs", &["ERROR: (device loop3): remounting filesystem as read-only"]),
        ("f2fs", &["F2FS-fs (loop3): Remounting filesystem read-only"]),
        ("reiserfs", &["REISERFS abort (device loop3): Journal write error in flush_commit_list"]),
    ] {
        let said = after(lines, &holding(&left(), filesystem));
        assert_eq!(said.diagnoses(), [FILESYSTEM_ERROR, READS_ONLY], "{filesystem}");
        said.fires(FILESYSTEM_ERROR, 0, 2_000..=2_200, &[&format!("kernel: {}", lines[0])]);
    }
}

#[test]
fn a_kernel_log_that_nobody_reads_tells_of_no_error_and_says_nothing() {
    let blind = |probe: &str| seen(0, NODE, Signal::Blind { probe: probe.into(), why: "no helper".into() });
    let line = seen(0, NODE, Signal::Kernel { line: "EXT4-fs (loop3): re-mounted 0e545773 ro.".into() });
    let looks = without(&left(), is_log);
    let after = |first: &[Observation]| {
        let stream: Vec<_> = first.iter().cloned().chain(held(&looks, 100, 4_100)).collect();
        said(&stream, "blobstore/")
    };
    for (first, why) in [
        (vec![], "nobody looked at the kernel's log"),
        (vec![blind("mounts")], "nobody looked at the kernel's log"),
        (vec![blind("kernel log")], "the kernel's log could not be read"),
        (vec![line.clone(), blind("kernel log")], "the kernel's log could not be read"),
    ] {
        let said = after(&first);
        assert_eq!(said.diagnoses(), [READS_ONLY], "{why}");
        assert!(said.why(LEFT_READ_ONLY).ends_with(why), "{said:?}");
    }
    for first in [vec![line.clone()], vec![blind("kernel log"), line]] {
        after(&first).fires(LEFT_READ_ONLY, 0, 2_000..=2_200, &["the kernel's log tells of no error"]);
    }
}

/// The report, and a line that is about another device, or about none.
#[test]
fn somebody_elses_line_changes_no_diagnosis() {
    for line in [
        "Remounting filesystem read-only",
        "lost page write due to I/O error on sdz1",
        "lost page write due to I/O error on dm-0",
        "md/raid1:md0: sdz1: rescheduling sector 8, I/O error",
        "SQUASHFS error: xz decompression failed, data probably corrupt, I/O error -5",
        "I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
        "BTRFS info (device loop4): forced readonly",
        "EXT4-fs error (device loop30): trigger_test_error:129: comm bash: x",
        "sd 2:0:0:0: rejecting I/O to offline device",
    ] {
        let said = after(&[line], &left());
        assert_eq!(said.diagnoses(), [LEFT_READ_ONLY, READS_ONLY], "{line}");
        said.fires(LEFT_READ_ONLY, 0, 2_000..=2_200, &["the kernel's log tells of no error"]);
    }
}

#[test]
fn a_line_on_the_disk_counts_for_its_partition() {
    let lines = [
        "device offline error, dev sdd, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2",
        "critical medium error, dev sdd, sector 1 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2",
        "I/O error, dev sdd, sector 1",
        "JBD2: Error -5 detected when updating journal superblock for sdd1-8.",
    ];
    let mut looks = left();
    for (_, signal) in &mut looks {
        let Signal::Query { answer: Answer::Values { values }, .. } = signal else { continue };
        values.entry("kernel".into()).and_modify(|name| *name = "sdd1".into());
    }
    for line in lines {
        assert_eq!(after(&[line], &looks).diagnoses(), [FILESYSTEM_ERROR, READS_ONLY], "{line}");
        let other = line.replace("sdd", "sde");
        assert_eq!(after(&[&other], &looks).diagnoses(), [LEFT_READ_ONLY, READS_ONLY], "{other}");
    }
}

/// Whose the line is cannot be told then, so neither can it be said that the disk is sound.
#[test]
fn where_the_devices_name_is_not_known_an_error_may_be_its_own() {
    let mut looks = left();
    for (_, signal) in &mut looks {
        let Signal::Query { answer: Answer::Values { values }, .. } = signal else { continue };
        values.remove("kernel");
    }
    assert_eq!(after(&[], &looks).diagnoses(), [LEFT_READ_ONLY, READS_ONLY]);
    let line = "EXT4-fs error (device loop4): ext4_find_entry:1612: inode #2: comm tar: reading directory lblock 0";
    let said = after(&[line], &looks);
    assert_eq!(said.diagnoses(), [READS_ONLY]);
    let why = said.why(LEFT_READ_ONLY);
    assert!(why.contains("what the kernel calls /dev/sdd1 is not known") && why.ends_with(line), "{why}");
}
