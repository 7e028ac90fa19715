//! Nothing is left on the disk.

use reenact::{fault::DiskFull, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::{DISK_FULL, READS_ONLY},
    runbooks::{RemountAndRestart, RepairFilesystem},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::disk_full",
        story: "The disk has no room left. To a client it looks like the read-only disk: blobs are read, every PUT is \
                answered 500, monit says OK. A remount is no answer; room is.",
        source: "measured facts, look-alikes; DESIGN: disk full",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(DiskFull { node: VM.into() })],
            fingerprints: none("no report: it stands here for what it resembles"),
            detected: by(DISK_FULL, secs(10)).also(&[READS_ONLY]).then([stories::third_party_rules_say(
                ThirdPartyRules { kernel_log_rule: false, statfs_flag: false, ro_option: false }
            )]),
            control: none("with room on the disk it goes on by itself"),
            wrong: tried([refuses(RemountAndRestart).beside_faults(), refuses(RepairFilesystem).beside_faults()]),
            ends: by_itself(secs(20)),
        }],
    }
);
