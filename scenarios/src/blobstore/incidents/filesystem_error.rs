//! The look-alike that the report's recovery must not touch: a real error of ext4's.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::FilesystemError, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    others::Others,
    recipe,
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
};

scenario! {
    Scenario {
        id: "blobstore::filesystem_error",
        story: "ext4 finds an error and stops writing. The mount line says rw, statfs(2) says rw, and every write \
                fails: only the kernel's log, the error counter and a write know. A remount is wrong here; what was \
                acknowledged last is in the page cache and nowhere else, and must be copied out before the check.",
        source: "measured facts: trigger_fs_error with errors=remount-ro",
        faults: &["an error of ext4's own, under load"],
        detector: Some(FILESYSTEM_ERROR),
        also: &[READS_ONLY],
        runbooks: &[
            "right: stop the jobs, copy out, unmount, e2fsck, mount, put back, start",
            "refuses: remount,rw and restart",
            "no help: restart",
        ],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::steady(&lab, Setup::STOPS_AT_ERRORS)
        .await?
        .inject(FilesystemError { node: VM.into() })
        .await?
        .detect(FILESYSTEM_ERROR, Duration::from_secs(10))
        .await?
        .then_detects(READS_ONLY, Duration::from_secs(10))
        .await?;
    recipe::others_say(&broken, Others { kernel_log_rule: true, statfs_flag: false, ro_option: false }).await?;
    broken.must_refuse(&RemountAndRestart).await?;
    let broken = broken.stays_broken(Duration::from_secs(30)).await?;
    recipe::healed_by(&RepairFilesystem, broken.does_not_help(&Restart, Duration::from_secs(5)).await?).await
}
