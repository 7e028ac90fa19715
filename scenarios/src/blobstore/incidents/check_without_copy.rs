//! The trap: e2fsck at once, and blobs that were answered 201 are gone.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, fault::FilesystemError, scenario, stage::Lab};

use super::super::{
    Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    recipe,
    runbooks::CheckWithoutCopy,
};

scenario! {
    Scenario {
        id: "blobstore::check_without_copy",
        story: "After an error of ext4's own the disk is unmounted and checked, as the manuals say. nginx does not \
                sync what it stores: the blobs of the last seconds, answered 201 and read back right while the disk \
                was still mounted, were in the page cache only. Afterwards all is green and they are gone.",
        source: "measured facts, data trap: 50 of 50 blobs wrong after e2fsck, three times",
        faults: &["an error of ext4's own, under load", "unmount and e2fsck without a copy"],
        detector: Some(FILESYSTEM_ERROR),
        also: &[READS_ONLY],
        runbooks: &["harmful: unmount, e2fsck, mount, start, without copying out first"],
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
        .await?;
    broken.force(&CheckWithoutCopy).await?;
    let found = broken.harmed().await?;
    if found.lost.is_empty() && found.corrupted.is_empty() {
        return Err(Error::failed(format!("the check should have lost acknowledged blobs, but: {found}")));
    }
    Ok(())
}
