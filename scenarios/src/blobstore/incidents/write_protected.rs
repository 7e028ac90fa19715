//! The disk itself is write-protected, found at the next boot.

use reenact::{
    fault::{PowerOff, PowerOn, WriteProtected},
    incident::*,
};

use super::super::{
    Blobstore, DISK, Setup, VM,
    detectors::WRITE_PROTECTED,
    others::Others,
    report,
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
    stories,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::write_protected",
        story: "The storage write-protects the disk. The mounted file system goes on; after the next boot mount falls \
                back to read-only and the pre-start fails exactly as in the report. remount,rw fails until the \
                protection is lifted.",
        source: "measured facts: blockdev --setro before the mount",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: stories::all_is_on_disk()
                .into_iter()
                .chain([
                    command(VM, &["agent", "stop"]),
                    command(VM, &["agent", "unmount_disk", DISK]),
                    inject(WriteProtected { node: VM.into(), device: DISK.into() }),
                    inject(PowerOff::of(&[VM])),
                    inject(PowerOn::of(&[VM])),
                    resume_workload(),
                ])
                .collect(),
            fingerprints: seen(report::WRITE_PROTECTED, secs(15)),
            detected: by(WRITE_PROTECTED, secs(15)).then([stories::others_say(Others {
                kernel_log_rule: false,
                statfs_flag: true,
                ro_option: true,
            })]),
            control: stays_broken(secs(30)),
            wrong: tried([
                refuses(RemountAndRestart).beside_faults(),
                refuses(RepairFilesystem).beside_faults(),
                useless(Restart, secs(5)),
            ]),
            // Nothing makes the disk writable by itself once the protection is lifted.
            ends: healed_by(RemountAndRestart, secs(60)),
        }],
    }
);
