//! The disk shrinks under the file system.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{DeviceShrunk, Fault, RemountReadOnly},
    scenario,
    fault::OnTestbed, stage::Lab,
    wait::Look,
};

use super::super::{
    DISK, Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    recipe,
    runbooks::{RemountAndRestart, RepairFilesystem},
};

scenario! {
    Scenario {
        id: "blobstore::device_shrunk",
        story: "The storage behind the disk is cut to a smaller size while it is mounted. Writes beyond the new end \
                fail, the journal aborts, the file system stops. While the disk is too small a check would cut off \
                what lies beyond its end; once it has its size back, copy out, check, and go on.",
        source: "measured facts: LOOP_SET_STATUS64 with lo_sizelimit",
        faults: &[
            "all that is acknowledged is synced; what is on its way to a disk that fails is lost to everybody",
            "the disk has 16 MiB of its 300",
            "writes reach beyond them",
        ],
        detector: Some(FILESYSTEM_ERROR),
        also: &[READS_ONLY],
        runbooks: &[
            "right: once the disk has its size back, copy out, e2fsck, put back",
            "refuses: the same while the disk is too small; remount,rw",
        ],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab, Setup::STOPS_AT_ERRORS).await?;
    recipe::sync(&stage).await?;
    let shrunk = DeviceShrunk { node: VM.into(), device: DISK.into(), mebibytes: 16 };
    let broken = stage.inject(shrunk).await?.detect(FILESYSTEM_ERROR, Duration::from_secs(15)).await?;
    // The first writes fail one by one; the journal's own, at its next commit, is the last.
    let (bed, stopped) = (broken.system().bed().clone(), RemountReadOnly { node: VM.into() });
    let look = || async {
        match stopped.effect(&bed).await {
            Ok(effect) if effect.holds => Look::Ready(()),
            Ok(effect) => Look::NotYet(effect.seen),
            Err(error) => Look::Never(error),
        }
    };
    broken.wait_for("the file system to stop", Duration::from_secs(30), look).await?;
    broken.workload().resume();
    // ext4 prints ten lines in five seconds at most: after the I/O errors it may leave out
    // the very line that the kernel-log rule waits for (2 of 4 runs).
    recipe::others_say_of_mounts(&broken, false).await?;
    broken.must_refuse(&RepairFilesystem).await?;
    broken.must_refuse(&RemountAndRestart).await?;
    recipe::healed_by(&RepairFilesystem, broken.heal().await?).await
}
