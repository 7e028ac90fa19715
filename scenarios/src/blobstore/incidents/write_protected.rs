//! The disk itself is write-protected, found at the next boot.

use reenact::{
    Error,
    fault::{PowerOff, PowerOn, WriteProtected},
    incident::*,
};

use super::super::{
    Blobstore, DISK, Setup, VM,
    detectors::{LEFT_READ_ONLY, WRITE_PROTECTED},
    report,
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
    stories,
    third_party::ThirdPartyRules,
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
        acts: vec![
            Act {
                breaks: stories::all_is_on_disk()
                    .into_iter()
                    .chain([
                        command(VM, &["agent", "stop"]),
                        command(VM, &["agent", "unmount_disk", DISK]),
                        inject_as("protection", WriteProtected { node: VM.into(), device: DISK.into() }),
                        inject(PowerOff::of(&[VM])),
                        inject(PowerOn::of(&[VM])),
                        resume_workload(),
                    ])
                    .collect(),
                fingerprints: seen(report::WRITE_PROTECTED, secs(15)),
                detected: by(WRITE_PROTECTED, secs(15)).then([
                    stories::third_party_rules_say(ThirdPartyRules {
                        kernel_log_rule: false,
                        statfs_flag: true,
                        ro_option: true
                    }),
                    no_remount_is_advised(),
                ]),
                control: none("the next act shows it"),
                wrong: tried([refuses(RemountAndRestart), refuses(RepairFilesystem)]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![heal("protection"), effect_begins()],
                fingerprints: none("those of the act before"),
                // Nothing is wrong with the disk any more, and nobody makes it writable.
                detected: by(LEFT_READ_ONLY, secs(10)),
                control: stays_broken(secs(30)),
                wrong: tried([useless(Restart, secs(5))]),
                ends: healed_by(RemountAndRestart, secs(60)),
            },
        ],
    }
);

/// While the disk is protected, the diagnosis for which a remount is right must not be made.
fn no_remount_is_advised() -> Action<Blobstore> {
    story("no remount is advised", |run: &Run<Blobstore>| {
        let advised = run.lab().episodes().iter().any(|episode| episode.detector == LEFT_READ_ONLY);
        let claim =
            if advised { Err(Error::failed(format!("{LEFT_READ_ONLY} fired, on a protected disk"))) } else { Ok(()) };
        Box::pin(async { claim })
    })
}
