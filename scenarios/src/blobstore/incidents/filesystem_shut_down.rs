//! The file system shuts itself down, as when its device goes.

use reenact::{fault::FilesystemShutDown, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    report::SHUT_DOWN,
    runbooks::{RemountAndRestart, RepairFilesystem},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::filesystem_shut_down",
        story: "The file system is shut down by force, as when its device vanishes: reads and writes fail with EIO. \
                The mount line still says rw, and no rule on read-only mounts notices.",
        source: "measured facts: EXT4_IOC_SHUTDOWN",
        setup: Setup::STOPS_AT_ERRORS,
        acts: vec![Act {
            breaks: stories::all_is_on_disk()
                .into_iter()
                .chain([inject(FilesystemShutDown { node: VM.into() })])
                .collect(),
            fingerprints: seen(SHUT_DOWN, secs(10)),
            detected: by(FILESYSTEM_ERROR, secs(10)).also(&[READS_ONLY]).then([
                stories::third_party_rules_say(ThirdPartyRules {
                    kernel_log_rule: false,
                    statfs_flag: false,
                    ro_option: false
                }),
                resume_workload(),
            ]),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RemountAndRestart)]),
            ends: healed_by(RepairFilesystem, secs(60)),
        }],
    }
);
