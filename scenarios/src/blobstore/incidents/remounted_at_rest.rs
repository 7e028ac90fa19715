//! An administrator's read-only remount while the jobs are stopped, found at the next
//! start.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::RemountReadOnly, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::LEFT_READ_ONLY,
    others::Others,
    recipe,
    runbooks::{RemountAndRestart, Restart},
};

scenario! {
    Scenario {
        id: "blobstore::remounted_at_rest",
        story: "For a backup the jobs are stopped and the disk is remounted read-only, and nobody remounts it \
                afterwards. The next restart fails in the pre-start, as in the report, with no migration at all.",
        source: "measured facts, ways to make a volume read-only: remount,ro at rest",
        faults: &["the jobs are stopped", "mount -o remount,ro", "a restart fails"],
        detector: Some(LEFT_READ_ONLY),
        runbooks: &["right: remount,rw, restart, put and read a blob", "no help: restart"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    steady.operator().must(VM, &["agent", "stop"]).await?;
    let broken = steady.inject(RemountReadOnly { node: VM.into() }).await?;
    recipe::fails(&broken, &["director", "restart"]).await?;
    let broken = broken.detect(LEFT_READ_ONLY, Duration::from_secs(10)).await?;
    recipe::others_say(&broken, Others { kernel_log_rule: false, statfs_flag: true, ro_option: true }).await?;
    let broken =
        broken.stays_broken(Duration::from_secs(30)).await?.does_not_help(&Restart, Duration::from_secs(5)).await?;
    recipe::healed_by(&RemountAndRestart, broken).await
}
