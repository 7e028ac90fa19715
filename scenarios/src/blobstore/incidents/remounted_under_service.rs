//! An administrator remounts the disk read-only while nginx runs: monit and the health
//! check say that all is well.

use reenact::{fault::RemountReadOnly, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::{LEFT_READ_ONLY, READS_ONLY},
    report::REMOUNTED_UNDER_SERVICE,
    runbooks::{EndOrphanedWorkers, RemountAndRestart, RepairFilesystem},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::remounted_under_service",
        story: "The disk is remounted read-only under the running nginx, as soon as no upload is open. Blobs are read as \
                before, the health check is 200 and monit says OK; every PUT is answered 500. Only a write shows it.",
        source: "measured facts, variant: ro under a running nginx",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![act(RemountReadOnly { node: VM.into() })],
            fingerprints: seen(REMOUNTED_UNDER_SERVICE, secs(10)),
            detected: by(LEFT_READ_ONLY, secs(10)).also(&[READS_ONLY]).then([
                detected(READS_ONLY, secs(10)),
                stories::third_party_rules_say(ThirdPartyRules {
                    kernel_log_rule: false,
                    statfs_flag: true,
                    ro_option: true
                }),
            ]),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RepairFilesystem), refuses(EndOrphanedWorkers)]),
            // Nothing needs the restart that is part of it, and it does no harm.
            ends: healed_by(RemountAndRestart, secs(60)),
        }],
    }
);
