//! The trap: the disk is mounted over what was stored without it.

use reenact::incident::*;

use super::super::{
    Blobstore, Setup,
    detectors::DISK_NOT_MOUNTED,
    faults::Unmounted,
    report::NOT_MOUNTED,
    runbooks::{Reattach, RemountAndRestart},
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::reattached_over_strays",
        story: "The service ran without its disk for a while, and `bosh cck` mounts the disk again. The blobs of before \
                are back and all is green; those that were acknowledged meanwhile lie below the mount point, where \
                nobody sees them.",
        source: "cloudfoundry/bosh-linux-stemcell-builder#195 and #310, and what their remedy does to a service that \
                 was started",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(Unmounted {}), writes(30, secs(30))],
            fingerprints: seen(NOT_MOUNTED, secs(10)),
            detected: by(DISK_NOT_MOUNTED, secs(15)),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RemountAndRestart)]),
            ends: harm([call(Reattach)], &[Harm::Lost]),
        }],
    }
);
