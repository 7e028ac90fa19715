//! nginx's master is killed, and its workers serve on: what a campaign found.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{Kill, Signal},
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup, VM,
    detectors::ORPHANED_WORKERS,
    recipe,
    runbooks::{EndOrphanedWorkers, RepairFilesystem},
};

scenario! {
    Scenario {
        id: "blobstore::orphaned_workers",
        story: "nginx's master is killed. Its workers live on, serve every request and keep the port: each of monit's \
                starts ends with `Address already in use`, for ever, and the next deploy will not come to its end. \
                Once the workers are ended, monit's next start succeeds.",
        source: "found by a campaign of random schedules; report 003 has the same of etcd",
        faults: &["SIGKILL to nginx's master"],
        detector: Some(ORPHANED_WORKERS),
        runbooks: &["right: end the workers, and let monit start nginx", "refuses: repair the file system"],
        fingerprints: &PRINTS,
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: [Fingerprint; 1] = [Fingerprint {
    id: "address in use",
    report: "bind() to 0.0.0.0:8080 failed (98: Address already in use)",
    shows: |seen| logged(seen, &["bind() to 0.0.0.0:8080 failed (98: Address already in use)"]),
}];

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let kill = Kill { node: VM.into(), process: "nginx: master".into(), signal: Signal::Kill };
    let broken = steady.inject(kill).await?;
    let broken = broken.fingerprints(&PRINTS, Duration::from_secs(20)).await?;
    let broken = broken.detect(ORPHANED_WORKERS, Duration::from_secs(20)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?.refuses(&RepairFilesystem).await?;
    recipe::healed_by(&EndOrphanedWorkers, broken).await
}
