//! The folder of nginx's pid file is gone, as after a reboot without a pre-start.

use reenact::incident::*;

use super::super::{
    Blobstore, Setup,
    detectors::DOES_NOT_START,
    faults::RunFolderGone,
    report::RUN_FOLDER_GONE,
    runbooks::{EndOrphanedWorkers, MonitRestart, RepairFilesystem, StartNginx},
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::run_folder_gone",
        story: "A VM crashes and boots again. The folder for pid files is in memory, and only the pre-start makes it; monit \
                starts nginx without one. The report's nginx ended there. Debian's serves on without a pid file: monit \
                does not know it, and each nginx that monit starts beside it finds the port taken, for ever.",
        source: "cloudfoundry/capi-release#25; `bind() failed (98)` as in cloudfoundry/bosh#2052",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(RunFolderGone {})],
            fingerprints: seen(RUN_FOLDER_GONE, secs(40)),
            detected: by(DOES_NOT_START, secs(60)),
            control: stays_broken(secs(30)),
            wrong: tried([
                refuses(RepairFilesystem),
                refuses(EndOrphanedWorkers),
                useless(MonitRestart, secs(5)).still(&[DOES_NOT_START]),
            ]),
            ends: healed_by(StartNginx, secs(90)),
        }],
    }
);
