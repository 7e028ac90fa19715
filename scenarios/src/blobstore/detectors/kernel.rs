//! What the kernel's log tells of a device.

use std::collections::BTreeMap;

use super::words;

/// The failures that the kernel told of, by the name of the device that each line names.
///
/// What came before a file system was last mounted anew is not about it any more. An unmount
/// alone ends nothing: the file system may be mounted elsewhere still.
#[derive(Debug, Default)]
pub struct Failures {
    told: BTreeMap<String, Told>,
    /// When each device was last mounted anew.
    mounted: BTreeMap<String, u64>,
    /// How many lines there were so far: the time of each.
    lines: u64,
}

/// The first and the last line on a device, and the time of each.
#[derive(Debug)]
struct Told {
    first: (u64, String),
    last: (u64, String),
}

impl Failures {
    pub fn observe(&mut self, line: &str) {
        self.lines += 1;
        if let Some(device) = words::mounted(line) {
            self.told.remove(device);
            self.mounted.insert(device.into(), self.lines);
        } else if let Some(device) = words::failing(line) {
            let told = (self.lines, line.to_owned());
            let entry = self.told.entry(device);
            entry.and_modify(|all| all.last = told.clone()).or_insert_with(|| Told { first: told.clone(), last: told });
        }
    }

    /// The first line, since it was mounted, that is about this device, or about the disk
    /// that it is a part of.
    pub fn of(&self, device: &str) -> Option<&str> {
        let since = self.mounted.get(device).copied().unwrap_or_default();
        let theirs = self.told.iter().filter(|(named, _)| concerns(named, device));
        let lines = theirs.flat_map(|(_, told)| [&told.first, &told.last]).filter(|(at, _)| *at > since);
        lines.min_by_key(|(at, _)| *at).map(|(_, line)| line.as_str())
    }

    /// Any line about a failure, whose ever it is.
    pub fn any(&self) -> Option<&str> {
        self.told.values().next().map(|told| told.first.1.as_str())
    }
}

/// Whether what befalls the named device befalls this one: it is the same, the disk that this
/// one is a partition of, or the controller that it hangs on.
fn concerns(named: &str, device: &str) -> bool {
    named == device || disk_of(device) == Some(named) || controls(named, device)
}

/// The disk of a partition: `sda` of `sda1`, `nvme0n1` of `nvme0n1p2`. A disk is none.
fn disk_of(partition: &str) -> Option<&str> {
    let stem = partition.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == partition.len() {
        return None;
    }
    if let Some(disk) = stem.strip_suffix('p').filter(|disk| disk.ends_with(|c: char| c.is_ascii_digit())) {
        return Some(disk);
    }
    let is_disk = ["sd", "hd", "vd", "xvd"].iter().any(|kind| {
        let rest = stem.strip_prefix(kind);
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase()))
    });
    is_disk.then_some(stem)
}

/// Whether it is the controller, such as `nvme0`, of a device such as `nvme0n1p2`.
fn controls(named: &str, device: &str) -> bool {
    let number = named.strip_prefix("nvme").unwrap_or_default();
    let is_controller = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    is_controller && device.strip_prefix(named).is_some_and(|rest| rest.starts_with('n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = "EXT4-fs error (device loop0): trigger_test_error:129: comm bash: x";
    const ABORTED: &str = "Aborting journal on device loop0-8.";
    const DISK: &str = "I/O error, dev sda, sector 8 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2";

    fn seen(lines: &[&str]) -> Failures {
        let mut failures = Failures::default();
        lines.iter().for_each(|line| failures.observe(line));
        failures
    }

    #[test]
    fn the_first_line_about_a_device_counts_and_no_other_devices() {
        let failures = seen(&["Remounting filesystem read-only", ERROR, ABORTED]);
        assert_eq!((failures.of("loop0"), failures.any()), (Some(ERROR), Some(ERROR)));
        for other in ["loop1", "loop01", "loop", "sda", ""] {
            assert_eq!(failures.of(other), None, "{other}");
        }
    }

    #[test]
    fn a_line_without_a_device_is_nobodys() {
        let failures = seen(&["Remounting filesystem read-only", "an I/O error somewhere"]);
        assert_eq!((failures.of("loop0"), failures.any()), (None, None));
    }

    #[test]
    fn only_a_mount_of_its_own_ends_a_failure() {
        let mut failures = seen(&[ERROR]);
        for line in [
            "EXT4-fs (loop0): re-mounted 2d8e2cb3.",
            "EXT4-fs (loop0): unmounting filesystem 2d8e2cb3.",
            "EXT4-fs (loop1): mounted filesystem 0e545773 r/w with ordered data mode. Quota mode: none.",
        ] {
            failures.observe(line);
            assert_eq!(failures.of("loop0"), Some(ERROR), "{line}");
        }
        failures.observe("EXT4-fs (loop0): mounted filesystem 0e545773 r/w with ordered data mode. Quota mode: none.");
        assert_eq!((failures.of("loop0"), failures.any()), (None, None));
    }

    #[test]
    fn what_befalls_a_disk_befalls_its_partitions() {
        let failures = seen(&[DISK]);
        assert_eq!((failures.of("sda1"), failures.of("sda")), (Some(DISK), Some(DISK)));
        assert_eq!((failures.of("sdaa1"), failures.of("sdb1"), failures.of("dm-1")), (None, None, None));
        let other = seen(&["EXT4-fs error (device sda2): x"]);
        assert_eq!((other.of("sda1"), other.of("sda")), (None, None));
    }

    /// The disk's lines are kept: another partition may be older. The mounted one begins anew.
    #[test]
    fn a_partition_that_is_mounted_anew_begins_anew() {
        let mount = "EXT4-fs (sda1): mounted filesystem 0e545773 r/w with ordered data mode.";
        let mut failures = seen(&[DISK, mount]);
        assert_eq!((failures.of("sda1"), failures.of("sda2")), (None, Some(DISK)));
        let again = "I/O error, dev sda, sector 16 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2";
        failures.observe(again);
        assert_eq!((failures.of("sda1"), failures.of("sda2")), (Some(again), Some(DISK)));
    }

    #[test]
    fn partitions_and_controllers_are_told_by_their_names() {
        for (part, disk) in [
            ("sda1", Some("sda")),
            ("vdb12", Some("vdb")),
            ("xvdf1", Some("xvdf")),
            ("nvme0n1p2", Some("nvme0n1")),
            ("mmcblk0p1", Some("mmcblk0")),
            ("loop3p1", Some("loop3")),
            ("md0p1", Some("md0")),
            ("sda", None),
            ("nvme0n1", None),
            ("loop3", None),
            ("dm-1", None),
            ("md0", None),
            ("sd1", None),
        ] {
            assert_eq!(disk_of(part), disk, "{part}");
        }
        assert!(controls("nvme0", "nvme0n1p2") && controls("nvme0", "nvme0n1"));
        assert!(!controls("nvme0", "nvme01n1") && !controls("nvme", "nvme0n1") && !controls("nvme0n1", "nvme0n1p2"));
    }
}
