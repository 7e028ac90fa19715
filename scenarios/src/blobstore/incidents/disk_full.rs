//! Nothing is left on the disk.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::DiskFull, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::{DISK_FULL, READS_ONLY},
    others::Others,
    recipe,
    runbooks::{RemountAndRestart, RepairFilesystem},
};

scenario! {
    Scenario {
        id: "blobstore::disk_full",
        story: "The disk has no room left. To a client it looks like the read-only disk: blobs are read, every PUT is \
                answered 500, monit says OK. A remount is no answer; room is.",
        source: "measured facts, look-alikes; DESIGN: disk full",
        faults: &["not a byte is left on the disk"],
        detector: Some(DISK_FULL),
        also: &[READS_ONLY],
        runbooks: &["right: make room", "refuses: remount,rw and restart; a check"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::steady(&lab, Setup::PLAIN)
        .await?
        .inject(DiskFull { node: VM.into() })
        .await?
        .detect(DISK_FULL, Duration::from_secs(10))
        .await?;
    recipe::others_say(&broken, Others { kernel_log_rule: false, statfs_flag: false, ro_option: false }).await?;
    broken.must_refuse(&RemountAndRestart).await?;
    let broken = broken.refuses(&RepairFilesystem).await?.heal().await?;
    let healed = broken.heals_itself(Duration::from_secs(20)).await?;
    healed.stays_healthy(recipe::QUIET).await?.finish().await
}
