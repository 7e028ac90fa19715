//! The report: a deploy with a disk that is too small left the old disk mounted
//! read-only, and nothing that the operators tried made it writable again.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    blob::Sizes,
    detectors::LEFT_READ_ONLY,
    faults::MigrationFails,
    others::Others,
    recipe::{self, FINGERPRINTS},
    runbooks::{RemountAndRestart, RepairFilesystem, Restart},
};

scenario! {
    Scenario {
        id: "blobstore::migration_left_read_only",
        story: "A deploy shrinks the persistent disk by mistake. The agent mounts the old disk read-only, copies, runs \
                out of room and fails; nobody mounts it back writable. With the size corrected the deploy fails in \
                the blobstore's pre-start, at chown; restart and cck fail alike, for the agent finds the disk mounted \
                already; monit shows none of the job's processes.",
        source: "report 004 (Pivotal Cloud Foundry 2.4); 300 GB and 100 GB are 300 MiB and 100 MiB here",
        faults: &[
            "more than 100 MiB of blobs are put",
            "a deploy moves them to a disk of 100 MiB, and fails",
            "the deploy with the old disk, a restart and a cck fail",
        ],
        detector: Some(LEFT_READ_ONLY),
        runbooks: &[
            "right: remount,rw, restart, put and read a blob",
            "refuses: check the file system, which has found no error",
            "no help: restart",
        ],
        fingerprints: FINGERPRINTS,
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// So many blobs of 1 MiB do not fit on 100 MiB.
const BLOBS: u64 = 120;

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { new_disk: Some(100), sizes: Sizes { large_until: BLOBS }, ..Setup::PLAIN };
    let steady = recipe::steady(&lab, setup).await?;
    steady.writes(BLOBS as usize, Duration::from_secs(30)).await?;
    let broken = steady.inject(MigrationFails).await?;
    recipe::fails(&broken, &["director", "deploy", "/dev/sdd1"]).await?;
    recipe::fails(&broken, &["director", "restart"]).await?;
    recipe::fails(&broken, &["director", "cck"]).await?;
    let broken = broken
        .fingerprints(FINGERPRINTS, Duration::from_secs(10))
        .await?
        .detect(LEFT_READ_ONLY, Duration::from_secs(15))
        .await?;
    recipe::others_say(&broken, Others { kernel_log_rule: false, statfs_flag: true, ro_option: true }).await?;
    let broken = broken
        .stays_broken(Duration::from_secs(30))
        .await?
        .refuses(&RepairFilesystem)
        .await?
        .does_not_help(&Restart, Duration::from_secs(5))
        .await?;
    recipe::healed_by(&RemountAndRestart, broken).await
}
