//! What the kernel's log tells of a device.

use std::collections::BTreeMap;

/// What the kernel says of a file system or device that fails, as Linux 6.18 words
/// it. `operation not supported error, dev loop0, … op 0x9:(WRITE_ZEROES)` comes with
/// every mke2fs on a loop device, and `re-mounted … ro` with every remount: neither
/// is an error.
const ERRORS: [&str; 7] = [
    "EXT4-fs error",
    "Aborting journal",
    "Remounting filesystem read-only",
    "I/O error",
    "Detected IO errors",
    "shut down requested",
    "Shutting down filesystem",
];

/// The first line about a failure of each device, since it was last mounted anew.
///
/// An unmount alone ends nothing: the file system may be mounted elsewhere still.
#[derive(Debug, Default)]
pub struct Failures(BTreeMap<String, String>);

impl Failures {
    pub fn observe(&mut self, line: &str) {
        let device = device_of(line).unwrap_or_default();
        // `re-mounted` and `unmounting` are other lines.
        if line.contains(": mounted filesystem ") {
            self.0.retain(|failed, _| failed != device && !failed.is_empty());
        } else if ERRORS.iter().any(|error| line.contains(error)) {
            self.0.entry(device.to_owned()).or_insert_with(|| line.to_owned());
        }
    }

    /// The line about this device, or one that names none; where the device's name in
    /// the kernel is not known, any.
    pub fn of(&self, device: Option<&str>) -> Option<&str> {
        let belongs = |name: &str| name.is_empty() || device.is_none_or(|device| device == name);
        self.0.iter().find(|(name, _)| belongs(name)).map(|(_, line)| line.as_str())
    }
}

/// The device that a line is about: `loop0` in `EXT4-fs error (device loop0): …`,
/// `Aborting journal on device loop0-8.`, `EXT4-fs (loop0): …` and `I/O error, dev
/// loop0, sector 8`.
fn device_of(line: &str) -> Option<&str> {
    let after = |marker: &str| line.split_once(marker).map(|(_, rest)| rest);
    let rest = ["device ", "dev ", " for ", "data on ", "("].iter().find_map(|marker| after(marker))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    let name = &rest[..end];
    // A journal is called by its device and its inode.
    let journal = line.contains("journal") || line.starts_with("JBD2");
    let name = if journal { name.rsplit_once('-').map_or(name, |(device, _inode)| device) } else { name };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.18 logged them, but for the last two.
    const FAILURES: [&str; 10] = [
        "EXT4-fs error (device loop0): trigger_test_error:129: comm bash: x",
        "EXT4-fs error (device loop0): __ext4_remount:6785: comm mount: Abort forced by user",
        "Aborting journal on device loop0-8.",
        "EXT4-fs (loop0): Remounting filesystem read-only",
        "EXT4-fs (loop0): shut down requested (2)",
        "I/O error, dev loop0, sector 16386 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2",
        "Buffer I/O error on dev loop0, logical block 1, lost sync page write",
        "JBD2: I/O error when updating journal superblock for loop0-8.",
        "JBD2: Detected IO errors 5 while flushing file data on loop0-8",
        "XFS (loop0): Shutting down filesystem.",
    ];

    #[test]
    fn each_kind_of_failure_is_one_of_its_device() {
        for line in FAILURES {
            let mut failures = Failures::default();
            failures.observe(line);
            assert_eq!(failures.of(Some("loop0")), Some(line));
            assert_eq!(failures.of(None), Some(line));
            assert_eq!(failures.of(Some("loop1")), None, "{line}");
            failures
                .observe("EXT4-fs (loop1): mounted filesystem 0e545773 r/w with ordered data mode. Quota mode: none.");
            assert_eq!(failures.of(Some("loop0")), Some(line));
            failures
                .observe("EXT4-fs (loop0): mounted filesystem 0e545773 r/w with ordered data mode. Quota mode: none.");
            assert_eq!(failures.of(None), None, "{line}");
        }
    }

    #[test]
    fn what_else_the_kernel_says_is_no_failure() {
        let mut failures = Failures::default();
        for line in [
            "EXT4-fs (loop0): mounted filesystem 0e545773 ro with ordered data mode. Quota mode: none.",
            "EXT4-fs (loop0): re-mounted 0e545773 ro.",
            "EXT4-fs (loop0): re-mounted 0e545773 r/w.",
            "EXT4-fs (loop0): unmounting filesystem 0e545773.",
            "operation not supported error, dev loop0, sector 16256 op 0x9:(WRITE_ZEROES) flags 0x20000800 phys_seg 0",
            "Trying to write to read-only block-device loop0",
            "loop0: detected capacity change from 0 to 614400",
            "EXT4-fs (loop0): write access unavailable, skipping orphan cleanup",
        ] {
            failures.observe(line);
            assert_eq!(failures.of(None), None, "{line}");
        }
    }

    #[test]
    fn neither_an_unmount_nor_a_remount_ends_a_failure() {
        let mut failures = Failures::default();
        failures.observe(FAILURES[0]);
        for line in ["EXT4-fs (loop0): re-mounted 2d8e2cb3.", "EXT4-fs (loop0): unmounting filesystem 2d8e2cb3."] {
            failures.observe(line);
            assert_eq!(failures.of(None), Some(FAILURES[0]), "{line}");
        }
    }

    #[test]
    fn a_failure_of_an_unnamed_device_is_anybodys() {
        let mut failures = Failures::default();
        failures.observe("an I/O error somewhere");
        assert!(failures.of(Some("loop3")).is_some());
        failures.observe("EXT4-fs (loop1): mounted filesystem 0e545773 r/w with ordered data mode.");
        assert_eq!(failures.of(None), None);
    }
}
