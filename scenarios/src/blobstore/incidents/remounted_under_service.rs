//! An administrator remounts the disk read-only while nginx runs: monit and the health
//! check say that all is well.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::RemountReadOnly, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::{LEFT_READ_ONLY, READS_ONLY},
    others::Others,
    recipe,
    runbooks::{RemountAndRestart, RepairFilesystem},
};

scenario! {
    Scenario {
        id: "blobstore::remounted_under_service",
        story: "The disk is remounted read-only under the running nginx. Blobs are read as before, the health check \
                is 200 and monit says OK; every PUT is answered 500. Only a write shows it.",
        source: "measured facts, variant: ro under a running nginx",
        faults: &["mount -o remount,ro, as soon as no upload is open"],
        detector: Some(LEFT_READ_ONLY),
        also: &[READS_ONLY],
        runbooks: &["right: remount,rw; nothing needs a restart, and a restart does no harm"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::steady(&lab, Setup::PLAIN)
        .await?
        .inject(RemountReadOnly { node: VM.into() })
        .await?
        .detect(LEFT_READ_ONLY, Duration::from_secs(10))
        .await?
        .then_detects(READS_ONLY, Duration::from_secs(10))
        .await?;
    recipe::others_say(&broken, Others { kernel_log_rule: false, statfs_flag: true, ro_option: true }).await?;
    let broken = broken.stays_broken(Duration::from_secs(30)).await?.refuses(&RepairFilesystem).await?;
    recipe::healed_by(&RemountAndRestart, broken).await
}
