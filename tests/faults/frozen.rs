//! File systems that are frozen: nothing fails there, nothing ends, and nothing can be killed.

use reenact::{fault::FilesystemFrozen, probe::Answer};

use super::*;

fn frozen() -> FilesystemFrozen {
    FilesystemFrozen { node: N1.into() }
}

/// Has a process of the node write to the disk; it is not waited for.
async fn write_there(bed: &Testbed) -> Result<()> {
    run_on(bed, N1, &format!("(echo late >{MOUNT}/late) >/dev/null 2>&1 &")).await.map(drop)
}

pub(crate) async fn a_frozen_file_system_takes_writes_once_it_is_thawed(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "frozen").await?;
    let_write(&own).await?;
    run_on(&own, N1, &format!("echo early >{MOUNT}/early")).await?;
    let active = inject(&own, frozen()).await?;
    inject_again(&own, frozen()).await;
    write_there(&own).await?;
    let (answers, line) = look(&own).await?;
    assert_eq!(answers.get("write:/data"), Some(&Answer::Hung { during: "write".into() }));
    assert!(line.starts_with("rw,relatime rw"), "the mount table tells of it: {line}");
    assert_eq!(answers["statfs:/data"].get("read_only"), Some("0"));
    assert_eq!(run_on(&own, N1, &format!("cat {MOUNT}/early")).await?, "early\n");
    run_on(&own, N1, &format!("[ ! -e {MOUNT}/late ]")).await?;
    heal(&own, active).await?;
    assert_eq!(write_of(&look(&own).await?.0), "ok");
    until("the write that waited", async || {
        let said = run_on(&own, N1, &format!("cat {MOUNT}/late 2>&1 || true")).await?;
        Ok((said == "late\n", said))
    })
    .await?;
    gone(&bed, own).await
}

/// Never the host's own: a folder on another device is refused.
pub(crate) async fn only_a_file_system_on_a_device_is_frozen(bed: Bed) -> Result<()> {
    refused(fault::inject(&*bed, frozen(), false).await, "n1 has no block device", "Disk::device");
    let own = mounted(&bed, "frozen-root").await?;
    run_on(&own, N1, &format!("umount {MOUNT}")).await?;
    inconclusive(fault::inject(&own, frozen(), false).await, "and not on loop");
    gone(&bed, own).await
}

/// The daemon cannot kill what waits for a thaw, so the file system is thawed first; and the
/// device goes with the testbed.
pub(crate) async fn a_testbed_with_a_frozen_disk_is_removed(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "frozen-gone").await?;
    let _active = inject(&own, frozen()).await?;
    write_there(&own).await?;
    let kernel = own.node(N1)?.device(DEVICE)?.kernel.clone();
    let begun = Instant::now();
    gone(&bed, own).await?;
    // Docker waits ten seconds for a container that it has killed.
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    until("the device to go", async || {
        let backing = bed.shell().run(&format!("cat /sys/block/{kernel}/loop/backing_file")).await?.1;
        Ok((!backing.contains("frozen-gone"), backing))
    })
    .await
}
