//! The persistent disk cannot be mounted: another process has claimed the device.

use reenact::incident::*;

use super::super::{
    Blobstore, Setup, VM,
    detectors::DISK_NOT_MOUNTED,
    faults::DiskHeld,
    report::CANNOT_BE_MOUNTED,
    runbooks::{MountAndBringOver, RemountAndRestart, RepairFilesystem, StartNginx},
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::disk_held",
        story: "The agent unmounts the disk and cannot mount it again: `already mounted or mount point busy`, since another \
                process claims the device. `bosh cck` fails alike, monit shows none of the jobs' processes. When the \
                process lets the disk go nobody mounts it.",
        source: "cloudfoundry/bosh-linux-stemcell-builder#195 and #310, cloudfoundry/bosh#2433; who holds the disk is ours",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(DiskHeld {}), failing_command(VM, &["director", "cck"])],
            fingerprints: seen(CANNOT_BE_MOUNTED, secs(10)),
            detected: by(DISK_NOT_MOUNTED, secs(45)),
            control: stays_broken(secs(30)),
            wrong: tried([
                refuses(MountAndBringOver).beside_faults(),
                refuses(RemountAndRestart),
                refuses(RepairFilesystem),
                refuses(StartNginx),
            ]),
            ends: healed_by(MountAndBringOver, secs(60)),
        }],
    }
);
