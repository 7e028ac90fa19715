//! The report: a deploy with a disk that is too small left the old disk mounted
//! read-only, and nothing that the operators tried made it writable again.

use reenact::incident::*;

use super::super::{
    Blobstore, DISK, NEW_DISK, Setup, VM,
    blob::Sizes,
    detectors::LEFT_READ_ONLY,
    faults::MigrationFails,
    report::REPORT,
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::migration_left_read_only",
        story: "A deploy shrinks the persistent disk by mistake. The agent mounts the old disk read-only, copies, runs \
                out of room and fails; nobody mounts it back writable. With the size corrected the deploy fails in \
                the blobstore's pre-start, at chown. restart and cck fail alike, for the agent finds the disk mounted \
                already; monit shows none of the job's processes.",
        source: "report 004 (Pivotal Cloud Foundry 2.4); 300 GB and 100 GB are 300 MiB and 100 MiB here",
        setup: Setup { new_disk: Some(100), sizes: Sizes { large_until: BLOBS }, ..Setup::PLAIN },
        acts: vec![Act {
            breaks: vec![
                writes(BLOBS as usize, secs(30)),
                inject(MigrationFails { disk: NEW_DISK.into() }),
                failing_command(VM, &["director", "deploy", DISK]),
                failing_command(VM, &["director", "restart"]),
                failing_command(VM, &["director", "cck"]),
            ],
            fingerprints: seen(REPORT, secs(10)),
            detected: by(LEFT_READ_ONLY, secs(15)).then([stories::third_party_rules_say(ThirdPartyRules {
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

/// So many blobs of 1 MiB do not fit on 100 MiB.
const BLOBS: u64 = 120;
