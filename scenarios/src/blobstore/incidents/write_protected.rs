//! The disk itself is write-protected, found at the next boot.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn, WriteProtected},
    scenario,
    stage::Lab,
};

use super::super::{
    DISK, Setup, VM,
    detectors::WRITE_PROTECTED,
    others::Others,
    recipe,
    runbooks::{RemountAndRestart, RepairFilesystem},
};

scenario! {
    Scenario {
        id: "blobstore::write_protected",
        story: "The storage write-protects the disk. The mounted file system goes on; after the next boot mount falls \
                back to read-only and the pre-start fails exactly as in the report. remount,rw fails until the \
                protection is lifted.",
        source: "measured facts: blockdev --setro before the mount",
        faults: &["the disk is synced and write-protected", "the VM loses its power and boots again"],
        detector: Some(WRITE_PROTECTED),
        runbooks: &[
            "right: once the protection is lifted, remount,rw, restart, put and read a blob",
            "refuses: the same while the disk is write-protected; a check",
        ],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    recipe::sync(&stage).await?;
    stage.operator().must(VM, &["agent", "stop"]).await?;
    stage.operator().must(VM, &["agent", "unmount_disk", DISK]).await?;
    stage.strike(WriteProtected { node: VM.into(), device: DISK.into() }).await?;
    let broken = stage.inject(PowerOff::of(&[VM])).await?.inject(PowerOn::of(&[VM])).await?;
    broken.workload().resume();
    let broken = broken.detect(WRITE_PROTECTED, Duration::from_secs(15)).await?;
    recipe::others_say(&broken, Others { kernel_log_rule: false, statfs_flag: true, ro_option: true }).await?;
    broken.must_refuse(&RemountAndRestart).await?;
    let broken = broken.refuses(&RepairFilesystem).await?.heal().await?;
    recipe::healed_by(&RemountAndRestart, broken).await
}
