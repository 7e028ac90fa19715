//! The persistent disk is not mounted, and the service runs on the root disk.

use reenact::incident::*;

use super::super::{
    Blobstore, Setup,
    detectors::DISK_NOT_MOUNTED,
    faults::Unmounted,
    report::NOT_MOUNTED,
    runbooks::{EndOrphanedWorkers, MountAndBringOver, RemountAndRestart, RepairFilesystem, Restart},
    stories,
    third_party::ThirdPartyRules,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::disk_not_mounted",
        story: "A migration unmounts the disk and cannot mount it again, or a re-provisioned VM forgets to. The jobs \
                are started all the same: the pre-start makes its folders on the root disk and succeeds, monit says \
                OK, the health check is 200 and uploads are answered 201. Every blob of before is away. What is \
                stored meanwhile must be kept when the disk is mounted.",
        source: "cloudfoundry/bosh-linux-stemcell-builder#195 and #310, cloudfoundry/bosh#2433: the disk is left \
                 unmounted; the start without it is ours",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![writes(100, secs(30)), inject(Unmounted {}), writes(30, secs(30))],
            fingerprints: seen(NOT_MOUNTED, secs(10)),
            detected: by(DISK_NOT_MOUNTED, secs(15)).then([
                stories::old_blobs_are_away(),
                stories::third_party_rules_say(ThirdPartyRules {
                    kernel_log_rule: false,
                    statfs_flag: false,
                    ro_option: false,
                }),
            ]),
            control: stays_broken(secs(30)),
            wrong: tried([
                deceives(Restart, secs(5)).still(&[DISK_NOT_MOUNTED]),
                refuses(RemountAndRestart),
                refuses(RepairFilesystem),
                refuses(EndOrphanedWorkers),
            ]),
            ends: healed_by(MountAndBringOver, secs(60)),
        }],
    }
);
