//! The report's recovery where it is wrong: it says success, and nothing is healed.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::FilesystemError, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    others::Others,
    recipe,
    runbooks::{BelieveRemount, RepairFilesystem},
};

scenario! {
    Scenario {
        id: "blobstore::believed_remount",
        story: "After an error of ext4's own somebody forces the report's remount,rw. mount(2) answers 0 and the \
                mount line says rw; every write still fails. The detector must not fall silent, and the right \
                recovery must still be possible.",
        source: "measured facts: raw mount(2) returns 0 and changes nothing",
        faults: &["an error of ext4's own", "a forced remount,rw that is believed"],
        detector: Some(FILESYSTEM_ERROR),
        also: &[READS_ONLY],
        runbooks: &[
            "right: stop the jobs, copy out, unmount, e2fsck, mount, put back, start",
            "false success: remount,rw by mount(2)",
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
        .is_deceived(&BelieveRemount, Duration::from_secs(3))
        .await?
        .still_detects(FILESYSTEM_ERROR)?;
    recipe::others_say(&broken, Others { kernel_log_rule: true, statfs_flag: false, ro_option: false }).await?;
    recipe::healed_by(&RepairFilesystem, broken).await
}
