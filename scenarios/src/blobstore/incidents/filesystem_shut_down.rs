//! The file system shuts itself down, as when its device goes.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::FilesystemShutDown, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    others::Others,
    recipe,
    runbooks::{RemountAndRestart, RepairFilesystem},
};

scenario! {
    Scenario {
        id: "blobstore::filesystem_shut_down",
        story: "The file system is shut down by force, as when its device vanishes: reads and writes fail with EIO. \
                The mount line still says rw, and no rule on read-only mounts notices.",
        source: "measured facts: EXT4_IOC_SHUTDOWN",
        faults: &["EXT4_IOC_SHUTDOWN without flushing the journal"],
        detector: Some(FILESYSTEM_ERROR),
        also: &[READS_ONLY],
        runbooks: &["right: unmount, e2fsck, mount, start", "refuses: remount,rw and restart"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab, Setup::STOPS_AT_ERRORS).await?;
    recipe::sync(&stage).await?;
    let broken = stage
        .inject(FilesystemShutDown { node: VM.into() })
        .await?
        .detect(FILESYSTEM_ERROR, Duration::from_secs(10))
        .await?;
    recipe::others_say(&broken, Others { kernel_log_rule: false, statfs_flag: false, ro_option: false }).await?;
    broken.must_refuse(&RemountAndRestart).await?;
    broken.workload().resume();
    recipe::healed_by(&RepairFilesystem, broken).await
}
