//! The mount is made read-only from outside of the VM; its file system is not.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::BindReadOnly, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::{LEFT_READ_ONLY, READS_ONLY},
    others::Others,
    recipe,
    runbooks::RemountAndRestart,
};

scenario! {
    Scenario {
        id: "blobstore::bind_read_only",
        story: "Somebody with access to the host makes this one mount read-only, such as a runtime that re-applies a \
                volume's flags. The file system itself is writable, the kernel logs nothing at all, and a plain \
                remount,rw of the device says success; the mount needs remount,bind,rw.",
        source: "measured facts: nsenter … mount -o remount,bind,ro",
        faults: &["mount -o remount,bind,ro in the VM's mount namespace"],
        detector: Some(LEFT_READ_ONLY),
        also: &[READS_ONLY],
        runbooks: &["right: remount,bind,rw"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::steady(&lab, Setup::PLAIN)
        .await?
        .inject(BindReadOnly { node: VM.into() })
        .await?
        .detect(LEFT_READ_ONLY, Duration::from_secs(10))
        .await?;
    recipe::others_say(&broken, Others { kernel_log_rule: false, statfs_flag: true, ro_option: true }).await?;
    recipe::healed_by(&RemountAndRestart, broken.stays_broken(Duration::from_secs(30)).await?).await
}
