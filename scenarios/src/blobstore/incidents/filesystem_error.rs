//! The look-alike that the report's recovery must not touch: a real error of ext4's.

use reenact::{fault::FilesystemError, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    report::EXT4_ERROR,
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::filesystem_error",
        story: "ext4 finds an error and stops writing. The mount line says rw, statfs(2) says rw, and every write \
                fails: only the kernel's log, the error counter and a write know. A remount is wrong here; what was \
                acknowledged last is in the page cache and nowhere else, and must be copied out before the check.",
        source: "measured facts: trigger_fs_error with errors=remount-ro",
        setup: Setup::STOPS_AT_ERRORS,
        acts: vec![Act {
            breaks: vec![inject(FilesystemError { node: VM.into() })],
            fingerprints: seen(EXT4_ERROR, secs(10)),
            detected: by(FILESYSTEM_ERROR, secs(10)).also(&[READS_ONLY]).then([
                detected(READS_ONLY, secs(10)),
                stories::third_party_rules_say(ThirdPartyRules {
                    kernel_log_rule: true,
                    statfs_flag: false,
                    ro_option: false
                }),
            ]),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RemountAndRestart), useless(Restart, secs(5))]),
            ends: healed_by(RepairFilesystem, secs(60)),
        }],
    }
);
