//! The mount is made read-only from outside of the VM; its file system is not.

use reenact::{fault::BindReadOnly, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::{LEFT_READ_ONLY, READS_ONLY},
    report::BOUND_READ_ONLY,
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::bind_read_only",
        story: "Somebody with access to the host makes this one mount read-only, such as a runtime that re-applies a \
                volume's flags. The file system itself is writable, and the kernel logs nothing at all. A restart \
                fails in the pre-start; remount,bind,rw heals it.",
        source: "measured facts: nsenter … mount -o remount,bind,ro",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![act(BindReadOnly { node: VM.into() })],
            fingerprints: seen(BOUND_READ_ONLY, secs(10)),
            detected: by(LEFT_READ_ONLY, secs(10)).also(&[READS_ONLY]).then([stories::third_party_rules_say(
                ThirdPartyRules { kernel_log_rule: false, statfs_flag: true, ro_option: true }
            )]),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RepairFilesystem), useless(Restart, secs(5)).still(&[LEFT_READ_ONLY]),]),
            ends: healed_by(RemountAndRestart, secs(60)),
        }],
    }
);
