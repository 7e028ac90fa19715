//! The kernel's words for a file system or a device that fails, each with the place at which
//! its line names the device.
//!
//! The words are those of Linux 2.6 to 6.18; behind each table stands the source file that
//! prints them. A line that names no device is in no table: the log is the whole machine's.

/// What a line says, and of which device.
struct Words {
    /// What stands before the device's name.
    before: &'static str,
    /// What else the line holds.
    has: &'static str,
}

const fn words(before: &'static str, has: &'static str) -> Words {
    Words { before, has }
}

/// File systems that met an error, or gave up.
const FILE_SYSTEMS: [Words; 20] = [
    // fs/ext4/super.c; fs/ext4/ioctl.c.
    words("EXT4-fs error (device ", ""),
    words("EXT4-fs (", "Remounting filesystem read-only"),
    words("EXT4-fs (", "previous I/O error to superblock detected"),
    words("EXT4-fs (", "shut down requested"),
    // fs/xfs/xfs_fsops.c; fs/xfs/xfs_log.c; fs/xfs/xfs_buf.c; fs/xfs/xfs_error.c.
    words("XFS (", "Shutting down filesystem"),
    words("XFS (", "Filesystem has been shut down"),
    words("XFS (", "User initiated shutdown received"),
    words("XFS (", "log I/O error"),
    words("XFS (", "metadata I/O error"),
    words("XFS (", "Metadata corruption detected"),
    words("XFS (", "Metadata CRC error detected"),
    // fs/btrfs/messages.c, before 6.2 fs/btrfs/super.c.
    words("BTRFS: error (device ", ""),
    words("BTRFS error (device ", ""),
    words("BTRFS critical (device ", ""),
    words("BTRFS info (device ", "forced readonly"),
    // fs/f2fs/super.c.
    words("F2FS-fs (", "Remounting filesystem read-only"),
    words("F2FS-fs (", "Stopped filesystem due to reason"),
    // fs/jfs/super.c.
    words("ERROR: (device ", ""),
    // fs/reiserfs/prints.c, until 6.12.
    words("REISERFS abort (device ", ""),
    words("REISERFS error (device ", ""),
];

/// Journals that were aborted. They are called by their device and their inode: `loop0-8`.
const JOURNALS: [Words; 4] = [
    // fs/jbd2/journal.c; the second one since 6.1, the third before.
    words("Aborting journal on device ", ""),
    words("JBD2: I/O error when updating journal superblock for ", ""),
    words(" detected when updating journal superblock for ", "JBD2: Error "),
    // fs/jbd2/commit.c.
    words(" while flushing file data on ", "JBD2: Detected IO errors "),
];

/// Devices that did not read or write: the block layer, below it SCSI, virtio and NVMe.
const DEVICES: [Words; 15] = [
    // Their names: `blk_errors` in block/blk-core.c; the line: `blk_print_req_error` in
    // block/blk-mq.c, before 5.16 `print_req_error` in block/blk-core.c. What a SCSI or a virtio
    // disk did not do comes by these. `reservation conflict` was `critical nexus` before 6.5.
    words("I/O error, dev ", ""),
    words("timeout error, dev ", ""),
    words("critical space allocation error, dev ", ""),
    words("recoverable transport error, dev ", ""),
    words("critical target error, dev ", ""),
    words("critical nexus error, dev ", ""),
    words("reservation conflict error, dev ", ""),
    words("critical medium error, dev ", ""),
    words("protection error, dev ", ""),
    words("device offline error, dev ", ""),
    // fs/buffer.c (`buffer_io_error`, `end_buffer_write_sync`); the last two before 4.3.
    words("Buffer I/O error on dev ", ""),
    words("Buffer I/O error on device ", ""),
    words("lost page write due to I/O error on ", ""),
    // drivers/nvme/host/pci.c: `nvme_reset_work` since 6.1, `nvme_remove_dead_ctrl` before. They
    // name the controller.
    words("nvme ", "Disabling device after reset failure"),
    words("nvme ", "Removing after probe failure"),
];

/// Arrays of md that have too few devices left. What it says of a single one, such as
/// `md/raid1:md0: sdz1: rescheduling sector 8`, the array makes up for.
const ARRAYS: [Words; 3] = [
    // drivers/md/raid1.c; drivers/md/raid10.c; drivers/md/raid5.c.
    words("md/raid1:", "Cannot continue operation"),
    words("md/raid10:", "Cannot continue operation"),
    words("md/raid:", "Cannot continue operation"),
];

/// Pools of dm that stopped. They are named by their number: `253:5` is `dm-5`.
const POOLS: [Words; 2] = [
    // drivers/md/dm-thin.c.
    words("device-mapper: thin: ", "switching pool to read-only mode"),
    words("device-mapper: thin: ", "switching pool to fail mode"),
];

/// Requests that a device may refuse without harm. `operation not supported error … op
/// 0x9:(WRITE_ZEROES)` comes with every mke2fs on a loop device.
const HARMLESS: [&str; 5] =
    ["(DISCARD)", "(SECURE_ERASE)", "(WRITE_ZEROES)", ": Dataset Management(", ": Write Zeroes("];

/// A file system that was mounted anew. `re-mounted` and `unmounting` are other lines.
const MOUNTED: [Words; 5] = [
    words("EXT4-fs (", "): mounted filesystem "),
    words("XFS (", "): Ending clean mount"),
    words("XFS (", "): Ending recovery"),
    words("BTRFS info (device ", "first mount of filesystem"),
    words("F2FS-fs (", "): Mounted with checkpoint version"),
];

impl Words {
    /// What follows `before`, if the line is one of these.
    fn rest<'l>(&self, line: &'l str) -> Option<&'l str> {
        let (_, rest) = line.split_once(self.before)?;
        line.contains(self.has).then_some(rest)
    }

    /// The device's name.
    fn device<'l>(&self, line: &'l str) -> Option<&'l str> {
        name(self.rest(line)?)
    }
}

/// The name that a text begins with, as the kernel gives names to devices.
fn name(text: &str) -> Option<&str> {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '!');
    let end = text.find(|c| !is_of_a_name(c)).unwrap_or(text.len());
    Some(&text[..end]).filter(|name| !name.is_empty())
}

fn first<'l>(table: &[Words], line: &'l str) -> Option<&'l str> {
    table.iter().find_map(|words| words.device(line))
}

/// The device of whose failure a line tells, by the kernel's name for it.
pub fn failing(line: &str) -> Option<String> {
    if HARMLESS.iter().any(|harmless| line.contains(harmless)) {
        return None;
    }
    let device = || first(&FILE_SYSTEMS, line).or_else(|| first(&DEVICES, line)).or_else(|| first(&ARRAYS, line));
    let journal = || first(&JOURNALS, line)?.rsplit_once('-').map(|(device, _inode)| device);
    journal().or_else(device).or_else(|| nvme(line)).map(str::to_owned).or_else(|| pool(line))
}

/// The device whose file system a line says to be mounted anew.
pub fn mounted(line: &str) -> Option<&str> {
    first(&MOUNTED, line)
}

/// `nvme0n1: Write(0x1) @ LBA 2048, 8 blocks, Write Fault (sct 0x2 / sc 0x80) DNR`, by
/// `nvme_log_error` in drivers/nvme/host/core.c since 5.19; a controller's own commands have no LBA.
fn nvme(line: &str) -> Option<&str> {
    let (device, rest) = line.split_once(": ")?;
    (device.starts_with("nvme") && rest.contains(" @ LBA ")).then_some(device)
}

fn pool(line: &str) -> Option<String> {
    let number = POOLS.iter().find_map(|words| words.rest(line))?.split(": ").next()?;
    let (_major, minor) = number.split_once(':')?;
    Some(format!("dm-{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as they were logged or reported, but for the names of devices, and whose each is.
    const TELLING: [(&str, &str); 35] = [
        // Linux 6.18.
        ("EXT4-fs error (device loop0): trigger_test_error:129: comm bash: x", "loop0"),
        ("EXT4-fs error (device loop0): __ext4_remount:6785: comm mount: Abort forced by user", "loop0"),
        ("Aborting journal on device loop0-8.", "loop0"),
        ("EXT4-fs (loop0): Remounting filesystem read-only", "loop0"),
        ("EXT4-fs (loop0): shut down requested (2)", "loop0"),
        ("I/O error, dev loop0, sector 16386 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2", "loop0"),
        ("Buffer I/O error on dev loop0, logical block 1, lost sync page write", "loop0"),
        ("JBD2: I/O error when updating journal superblock for loop0-8.", "loop0"),
        ("JBD2: Detected IO errors 5 while flushing file data on loop0-8", "loop0"),
        // Longhorn's reports 8572, 8508 and 5561.
        ("device offline error, dev sdf, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2", "sdf"),
        ("critical medium error, dev sde, sector 1 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", "sde"),
        ("JBD2: Error -5 detected when updating journal superblock for sda-8.", "sda"),
        ("JBD2: Error -5 detected when updating journal superblock for dm-1-8.", "dm-1"),
        // kdave/btrfs-progs#774 and lists; the state since 5.18.
        ("BTRFS: error (device loop3) in x:2736: errno=-28 No space left", "loop3"),
        ("BTRFS info (device loop3): forced readonly", "loop3"),
        ("BTRFS info (device vdc: state EA): forced readonly", "vdc"),
        ("BTRFS error (device loop0 state A): Transaction aborted (error -5)", "loop0"),
        ("BTRFS error (device sdg): parent transid verify failed on 52180048330752 wanted 132477 found 132432", "sdg"),
        ("BTRFS critical (device dm-0): corrupt leaf: root=5 block=579036020736 slot=1", "dm-0"),
        ("XFS (loop0): Shutting down filesystem.", "loop0"),
        ("XFS (sda1): Corruption of in-memory data detected.  Shutting down filesystem", "sda1"),
        ("XFS (sda3): Filesystem has been shut down due to log error (0x2).", "sda3"),
        ("XFS (dm-0): log I/O error -5", "dm-0"),
        (
            "XFS (dm-0): metadata I/O error in \"xfs_imap_to_bp+0x5c/0x80 [xfs]\" at daddr 0x8a66c0 len 32 error 5",
            "dm-0",
        ),
        ("F2FS-fs (dm-64): Stopped filesystem due to reason: 4", "dm-64"),
        ("F2FS-fs (mmcblk0p2): Remounting filesystem read-only", "mmcblk0p2"),
        ("ERROR: (device sdb1): remounting filesystem as read-only", "sdb1"),
        ("REISERFS abort (device dm-2): Journal write error in flush_commit_list", "dm-2"),
        // Kernels before 4.3.
        ("end_request: I/O error, dev sda, sector 12423", "sda"),
        ("Buffer I/O error on device sda1, logical block 1545", "sda1"),
        ("lost page write due to I/O error on sdz1", "sdz1"),
        ("nvme0n1: Write(0x1) @ LBA 2048, 8 blocks, Write Fault (sct 0x2 / sc 0x80) DNR ", "nvme0n1"),
        ("nvme nvme0: Disabling device after reset failure: -19", "nvme0"),
        ("md/raid1:md0: Cannot continue operation (2/2 failed).", "md0"),
        ("device-mapper: thin: 253:5: switching pool to read-only mode", "dm-5"),
    ];

    #[test]
    fn a_line_belongs_to_the_device_that_it_names() {
        for (line, device) in TELLING {
            assert_eq!(failing(line).as_deref(), Some(device), "{line}");
            assert_eq!(mounted(line), None, "{line}");
        }
    }

    /// No device is named, or nothing fails, or something else makes up for it.
    #[test]
    fn a_line_that_names_no_device_is_nobodys() {
        for line in [
            // kubernetes/node-problem-detector#1071 and #474.
            "Remounting filesystem read-only",
            "an I/O error somewhere",
            "BTRFS: Transaction aborted (error -28)",
            "SQUASHFS error: xz decompression failed, data probably corrupt, I/O error -5",
            "md/raid1:md0: sdz1: rescheduling sector 8, I/O error",
            "md/raid1:md0: Disk failure on sdz1, disabling device.",
            "sd 2:0:0:0: rejecting I/O to offline device",
            "device-mapper: multipath: 253:0: Failing path 8:16.",
            "operation not supported error, dev loop0, sector 16256 op 0x9:(WRITE_ZEROES) flags 0x20000800 phys_seg 0",
            "critical target error, dev sdb, sector 8 op 0x3:(DISCARD) flags 0x800 phys_seg 1 prio class 2",
            "nvme0n1: Dataset Management(0x9) @ LBA 0, 1 blocks, Invalid Field in Command (sct 0x0 / sc 0x2) DNR",
            "EXT4-fs (loop0): mounted filesystem 0e545773 ro with ordered data mode. Quota mode: none.",
            "EXT4-fs (loop0): re-mounted 0e545773 ro.",
            "EXT4-fs (loop0): re-mounted 0e545773 r/w.",
            "EXT4-fs (loop0): unmounting filesystem 0e545773.",
            "EXT4-fs (loop0): write access unavailable, skipping orphan cleanup",
            "BTRFS info (device loop0): first mount of filesystem 0e545773",
            "Trying to write to read-only block-device loop0",
            "loop0: detected capacity change from 0 to 614400",
        ] {
            assert_eq!(failing(line), None, "{line}");
        }
    }

    #[test]
    fn a_file_system_that_is_mounted_anew_is_told() {
        for (line, device) in [
            (
                "EXT4-fs (loop0): mounted filesystem 0e545773 r/w with ordered data mode. Quota mode: none.",
                Some("loop0"),
            ),
            ("XFS (sda1): Ending clean mount", Some("sda1")),
            ("BTRFS info (device sdb): first mount of filesystem 0e545773", Some("sdb")),
            ("F2FS-fs (sdc1): Mounted with checkpoint version = 7b2a", Some("sdc1")),
            ("EXT4-fs (loop0): re-mounted 0e545773 ro.", None),
            ("EXT4-fs (loop0): unmounting filesystem 0e545773.", None),
        ] {
            assert_eq!(mounted(line), device, "{line}");
        }
    }
}
