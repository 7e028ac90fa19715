//! What to do about a disk, and what not to: the runbooks' own conditions, checked by what was
//! seen. Figures are those of docs/figures.md.

use reenact::{
    diagnose::{Advice, Case, Met, Precondition},
    probe::Signal,
};

use super::detectors::{
    DISK_FULL, DISK_NOT_MOUNTED, DISK_STALLED, DOES_NOT_START, FILESYSTEM_ERROR, LEFT_READ_ONLY, ORPHANED_WORKERS,
    READS_ONLY, WRITE_PROTECTED, WRITES_STALLED,
};

/// Whether a counter of every device that was looked at is 0.
fn is_zero(case: &Case, counter: &str) -> Option<bool> {
    let all: Vec<_> = case.answers("device:").filter_map(|(.., answer)| answer.get(counter)).collect();
    (!all.is_empty()).then(|| all.iter().all(|count| *count == "0"))
}

/// Whether no process of any node has one of these words.
fn runs_none(case: &Case, words: &[&str]) -> Option<bool> {
    let last = case.looks.last()?;
    let lists = last.seen.iter().filter_map(|(_, signal)| match signal {
        Signal::Processes { commands } => Some(commands),
        _ => None,
    });
    let mut commands = lists.flatten().peekable();
    commands.peek()?;
    Some(!commands.any(|command| words.iter().any(|word| command.contains(word))))
}

const NO_ERROR: Precondition = Precondition {
    what: "the file system has recorded no error: else a remount only seems to work",
    met: |_, case| Met::from(is_zero(case, "errors_count")),
};

const NOT_PROTECTED: Precondition = Precondition {
    what: "the device itself is not write-protected",
    met: |_, case| Met::from(is_zero(case, "write_protected")),
};

const NO_REPAIR: Precondition = Precondition {
    what: "no repair, copy or migration is under way",
    met: |_, case| Met::from(runs_none(case, &["e2fsck", "fsck.", "rsync ", "tar ", "_migration_target"])),
};

const HAS_ROOM: Precondition = Precondition {
    what: "the disk has room",
    met: |_, case| {
        let free: Vec<u64> = case
            .answers("statfs:/var/vcap/store")
            .filter_map(|(.., answer)| answer.get("free_bytes")?.parse().ok())
            .collect();
        Met::from((!free.is_empty()).then(|| free.iter().all(|bytes| *bytes >= 4096)))
    },
};

const MOUNTED: Precondition = Precondition {
    what: "the disk is mounted",
    met: |_, case| {
        let told: Vec<_> = case.answers("declared:").filter_map(|(.., answer)| answer.get("mounted")).collect();
        Met::from((!told.is_empty()).then(|| told.iter().all(|mounted| *mounted == "1")))
    },
};

const NOBODY_FREEZES: Precondition = Precondition {
    what: "whoever froze the file system, such as a snapshot, is done with it",
    met: |_, case| Met::from(runs_none(case, &["fsfreeze"])),
};

const REMOUNT: &[&str] = &[
    "mount -o remount,rw /var/vcap/store; where the mount alone is read-only, mount -o remount,bind,rw.",
    "Believe a write, not mount's exit code or its line.",
    "monit restart all, with the jobs' pre-start scripts, as `bosh restart` does.",
];

const RESTART_ALONE: (&str, &str) = (
    "restart the jobs, and nothing else",
    "of no use: the pre-start fails again (blobstore::migration_left_read_only)",
);

pub(super) const ADVICE: &[Advice] = &[
    Advice {
        detector: LEFT_READ_ONLY,
        runbook: "remount_and_restart",
        steps: REMOUNT,
        preconditions: &[NO_ERROR, NOT_PROTECTED, NO_REPAIR, HAS_ROOM],
        wrong: &[
            RESTART_ALONE,
            ("check the file system", "it has found no error: a check mends nothing, and takes the service away"),
        ],
    },
    Advice {
        detector: READS_ONLY,
        runbook: "remount_and_restart",
        steps: REMOUNT,
        preconditions: &[NO_ERROR, NOT_PROTECTED, NO_REPAIR, HAS_ROOM],
        wrong: &[],
    },
    Advice {
        detector: WRITE_PROTECTED,
        runbook: "remount_and_restart",
        steps: &[
            "Have the protection lifted where it is set: `blockdev --getro`, the hypervisor, the storage.",
            "Then mount -o remount,rw, try a write, and restart the jobs.",
        ],
        preconditions: &[NOT_PROTECTED, NO_ERROR, NO_REPAIR],
        wrong: &[(
            "remount before the protection is lifted",
            "refused by the kernel, and by the runbook (blobstore::write_protected)",
        )],
    },
    Advice {
        detector: FILESYSTEM_ERROR,
        runbook: "repair_filesystem",
        steps: &[
            "Stop the jobs.",
            "Copy out what can still be read, to another disk: what was acknowledged last is in the page cache and nowhere else.",
            "Unmount, e2fsck, mount; put back from the copy what the check lost.",
            "Start the jobs; drop the copy once clients have compared.",
        ],
        preconditions: &[MOUNTED, NOT_PROTECTED, NO_REPAIR],
        wrong: &[
            (
                "unmount and check without a copy",
                "72 of 1,667 acknowledged blobs were corrupted in 10 re-enactments (blobstore::check_without_copy)",
            ),
            (
                "mount -o remount,rw",
                "it answers 0, the line says rw, and every write fails (blobstore::believed_remount)",
            ),
        ],
    },
    Advice {
        detector: DISK_FULL,
        runbook: "none: room",
        steps: &["Make room, or give the disk more of it; uploads are answered again at once."],
        preconditions: &[MOUNTED],
        wrong: &[("remount, or check", "neither makes room (blobstore::disk_full)")],
    },
    Advice {
        detector: DISK_NOT_MOUNTED,
        runbook: "mount_and_bring_over",
        steps: &[
            "Stop the jobs.",
            "Move aside what they stored below the mount point.",
            "Mount the disk, bring over what was stored without it (the newer of two stays), start the jobs.",
        ],
        preconditions: &[NO_ERROR, NOT_PROTECTED, NO_REPAIR],
        wrong: &[
            (
                "mount the disk at once, as `bosh cck` does",
                "what was acknowledged meanwhile lies below the mount point, and nobody sees it (blobstore::reattached_over_strays)",
            ),
            ("restart the jobs", "all is green, and every blob of before is away (blobstore::disk_not_mounted)"),
        ],
    },
    Advice {
        detector: WRITES_STALLED,
        runbook: "none: it depends on what the disk waits for",
        steps: &[
            "See what waits: `ps -eo stat,wchan:30,args | grep ^D`, and dmesg for tasks that hang.",
            "Frozen for a snapshot: thaw it. A device or a server of files that is away: bring it back, and what waits goes on.",
        ],
        preconditions: &[],
        wrong: &[("restart the jobs or the VM", "no write that waits can be ended (blobstore::filesystem_frozen)")],
    },
    Advice {
        detector: DISK_STALLED,
        runbook: "thaw_filesystem",
        steps: &["fsfreeze --unfreeze /var/vcap/store. What waited goes on by itself: restart nothing."],
        preconditions: &[MOUNTED, NO_ERROR, NOBODY_FREEZES],
        wrong: &[("restart the jobs or the VM", "no write that waits can be ended (blobstore::filesystem_frozen)")],
    },
    Advice {
        detector: ORPHANED_WORKERS,
        runbook: "end_orphaned_workers",
        steps: &[
            "SIGQUIT, then SIGKILL, to the nginx workers whose parent is 1; monit's next start finds the port free.",
        ],
        preconditions: &[MOUNTED],
        wrong: &[(
            "restart nginx by monit",
            "each start ends with `Address already in use` (blobstore::orphaned_workers)",
        )],
    },
    Advice {
        detector: DOES_NOT_START,
        runbook: "power_on, or start_nginx",
        steps: &[
            "Where its machine is off, power it on (power_on): what is wrong beside that shows then.",
            "Ask nginx itself: nginx -t -c its configuration.",
            "Put the configuration back as it was rendered, if that is wrong.",
            "Restart the jobs as the director does, with the pre-start scripts: they make the folders that monit does not.",
        ],
        preconditions: &[MOUNTED, NO_ERROR, NO_REPAIR],
        wrong: &[("monit restart, again and again", "of no use (blobstore::broken_configuration)")],
    },
];
