//! An administrator's read-only remount while the jobs are stopped, found at the next
//! start.

use reenact::{fault::RemountReadOnly, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::LEFT_READ_ONLY,
    report::REMOUNTED_AT_REST,
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::remounted_at_rest",
        story: "For a backup the jobs are stopped and the disk is remounted read-only, and nobody remounts it \
                afterwards. The next restart fails in the pre-start, as in the report, with no migration at all.",
        source: "measured facts, ways to make a volume read-only: remount,ro at rest",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![
                command(VM, &["agent", "stop"]),
                act(RemountReadOnly { node: VM.into() }),
                failing_command(VM, &["director", "restart"]),
            ],
            fingerprints: seen(REMOUNTED_AT_REST, secs(10)),
            detected: by(LEFT_READ_ONLY, secs(10)).then([stories::third_party_rules_say(ThirdPartyRules {
                kernel_log_rule: false,
                statfs_flag: true,
                ro_option: true,
            })]),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RepairFilesystem), useless(Restart, secs(5))]),
            ends: healed_by(RemountAndRestart, secs(60)),
        }],
    }
);
