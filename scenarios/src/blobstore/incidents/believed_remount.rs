//! The report's recovery where it is wrong: it says success, and nothing is healed.

use reenact::{fault::FilesystemError, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    report::EXT4_ERROR,
    runbooks::{BelieveRemount, RemountAndRestart, RepairFilesystem},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::believed_remount",
        story: "After an error that ext4 found itself, somebody forces the report's remount,rw. mount(2) answers 0 and the \
                mount line says rw; every write still fails. The detector must not fall silent, and the right \
                recovery must still be possible.",
        source: "measured facts: raw mount(2) returns 0 and changes nothing",
        setup: Setup::STOPS_AT_ERRORS,
        acts: vec![
            Act {
                breaks: vec![inject(FilesystemError { node: VM.into() })],
                fingerprints: seen(EXT4_ERROR, secs(10)),
                detected: by(FILESYSTEM_ERROR, secs(10)).also(&[READS_ONLY]),
                control: none("the next act shows it"),
                wrong: tried([deceives(BelieveRemount, secs(3)).still(&[FILESYSTEM_ERROR])]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![stories::third_party_rules_say(ThirdPartyRules {
                    kernel_log_rule: true,
                    statfs_flag: false,
                    ro_option: false
                })],
                fingerprints: none("those of the act before"),
                detected: by(FILESYSTEM_ERROR, secs(10)),
                control: stays_broken(secs(30)),
                wrong: tried([refuses(RemountAndRestart)]),
                ends: healed_by(RepairFilesystem, secs(60)),
            },
        ],
    }
);
