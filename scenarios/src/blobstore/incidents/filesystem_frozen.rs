//! A backup freezes the file system, and does not thaw it.

use reenact::{fault::FilesystemFrozen, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::DISK_STALLED,
    report::FROZEN,
    runbooks::{EndOrphanedWorkers, RemountAndRestart, RepairFilesystem, StartNginx, ThawFilesystem},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::filesystem_frozen",
        story: "A backup freezes the file system for a snapshot, and is gone before it thaws it. Every write waits and \
                cannot be ended; two PUTs take both of nginx's workers with them, and then no GET is answered either. \
                The mount says rw, files can be read, monit says OK, and no log says a word.",
        source: "alestic/ec2-consistent-snapshot#96, Azure/azure-linux-extensions#951",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![act(FilesystemFrozen { node: VM.into() })],
            fingerprints: seen(FROZEN, secs(15)),
            detected: by(DISK_STALLED, secs(40)).then([stories::third_party_rules_say(ThirdPartyRules {
                kernel_log_rule: false,
                statfs_flag: false,
                ro_option: false,
            })]),
            control: stays_broken(secs(30)),
            wrong: tried([
                refuses(RemountAndRestart),
                refuses(RepairFilesystem),
                refuses(EndOrphanedWorkers),
                refuses(StartNginx),
            ]),
            ends: healed_by(ThawFilesystem, secs(60)),
        }],
    }
);
