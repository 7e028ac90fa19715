//! nginx's master is killed, and its workers serve on: what a campaign found.

use reenact::{
    fault::{Kill, Signal},
    incident::*,
};

use super::super::{
    Blobstore, Setup, VM,
    detectors::ORPHANED_WORKERS,
    report::ORPHANED,
    runbooks::{EndOrphanedWorkers, RepairFilesystem},
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::orphaned_workers",
        story: "nginx's master is killed. Its workers live on, serve every request and keep the port: each of monit's \
                starts ends with `Address already in use`, for ever, and the next deploy will not come to its end. \
                Once the workers are ended, monit's next start succeeds.",
        source: "found by a campaign of random schedules; report 003 has the same of etcd",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(Kill { node: VM.into(), process: "nginx: master".into(), signal: Signal::Kill })],
            fingerprints: seen(ORPHANED, secs(20)),
            detected: by(ORPHANED_WORKERS, secs(20)),
            control: stays_broken(secs(20)),
            wrong: tried([refuses(RepairFilesystem)]),
            ends: healed_by(EndOrphanedWorkers, secs(60)),
        }],
    }
);
