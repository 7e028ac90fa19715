//! File systems that cannot be written to any more, each in a way of its own.
//!
//! They hit the file system on the node's first disk. The proof is a plain write from
//! outside of the node; that its files can still be read, and that its root file
//! system can still be written to, is the control.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::{SYS, Testbed};
use reenact_core::{
    Error, Result,
    poll::{self, Look},
};

/// How long a remount may wait for the last writer to close its file.
const WRITERS_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// mount(8)'s exit code where mount(2) failed; with writers it says `EBUSY`.
const MOUNT_FAILED: i32 = 32;

/// An administrator's `mount -o remount,ro`. The kernel refuses it while a file is
/// open for writing, so it waits for a moment in which none is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemountReadOnly {
    /// The node.
    pub node: String,
}

/// A mount made read-only from outside of the node (`remount,bind,ro`): its file
/// system stays writable elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindReadOnly {
    /// The node.
    pub node: String,
}

/// An error that ext4 itself finds, through its own test entry
/// `/sys/fs/ext4/DEVICE/trigger_fs_error`. Proved where it is mounted with
/// `errors=remount-ro`. Nothing takes it back but a check of the file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesystemError {
    /// The node.
    pub node: String,
}

/// A file system that shut itself down, as when its device goes: reads and writes fail
/// with EIO until it is mounted anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesystemShutDown {
    /// The node.
    pub node: String,
}

/// A block device that is smaller than the file system on it. What lies beyond its
/// end is there again when it is healed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceShrunk {
    /// The node.
    pub node: String,
    /// The device's path on the node.
    pub device: String,
    /// Its new size in MiB.
    pub mebibytes: u32,
}

/// A block device that is write-protected. A file system that is mounted already is
/// not hit (Linux 6.18 only logs it); the next mount is read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteProtected {
    /// The node.
    pub node: String,
    /// The device's path on the node.
    pub device: String,
}

impl fmt::Display for RemountReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the disk of {} remounted read-only", self.node)
    }
}

impl fmt::Display for BindReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mount of the disk of {} made read-only from outside", self.node)
    }
}

impl fmt::Display for FilesystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an error in the file system of {}", self.node)
    }
}

impl fmt::Display for FilesystemShutDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file system of {} shut down", self.node)
    }
}

impl fmt::Display for DeviceShrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} shrunk to {} MiB", self.device, self.node, self.mebibytes)
    }
}

impl fmt::Display for WriteProtected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} write-protected", self.device, self.node)
    }
}

/// The first disk of a node, mounted now.
pub(super) struct Disk {
    /// The node's first process.
    pid: i64,
    /// Where it is mounted on the node.
    mount: String,
}

impl Disk {
    pub(super) async fn of(bed: &Testbed, node: &str) -> Result<Self> {
        let node = bed.node(node)?;
        let mount = node.disk_mount()?.to_owned();
        match node.state().await?.pid {
            0 => Err(Error::inconclusive(format!("{} is down: nothing is mounted there", node.name()))),
            pid => Ok(Self { pid, mount }),
        }
    }

    /// As the helper sees it.
    pub(super) fn folder(&self) -> String {
        format!("/proc/{}/root{}", self.pid, self.mount)
    }

    /// A remount in the node's own mount namespace.
    fn remount(&self, options: &str) -> String {
        format!("nsenter -t {} -m mount -o remount,{options} {}", self.pid, self.mount)
    }

    /// A write that fails with one of these errors, while reads and other places of the
    /// node work as `control` says.
    async fn refuses(&self, bed: &Testbed, errors: &[&str]) -> Result<Effect> {
        let (folder, pid) = (self.folder(), self.pid);
        // In subshells: a redirection that fails ends a POSIX shell.
        let script = format!(
            "(: >{folder}/.reenact-try) 2>&1 && rm -f {folder}/.reenact-try && echo written
             echo control
             ls -U {folder} >/dev/null 2>&1 && echo 'its folder is read'
             (: >/proc/{pid}/root/tmp/.reenact-try) 2>/dev/null && echo 'the root file system is written to'"
        );
        let said = bed.shell().run(&script).await?.1;
        let (write, control) = said.split_once("control\n").unwrap_or((&said, ""));
        let write = write.trim().rsplit(": ").next().unwrap_or_default();
        let holds = errors.iter().any(|error| write.starts_with(error));
        let control = control.lines().map(str::to_owned).collect();
        Ok(Effect { control, ..Effect::new(holds, format!("a write: {write}")) })
    }
}

const READ_ONLY: &[&str] = &["Read-only file system"];

/// Remounts as soon as no file is open for writing.
async fn remount_when_idle(bed: &Testbed, script: &str) -> Result<()> {
    let remounted = poll::until("every writer to close its file", WRITERS_LIMIT, || async {
        match bed.shell().run(script).await {
            Ok((0, _)) => Look::Ready(()),
            Ok((MOUNT_FAILED, said)) if said.contains("busy") => Look::NotYet("the mount is busy".into()),
            Ok((code, said)) => Look::Never(Error::inconclusive(format!("`{script}` ended with {code}: {said}"))),
            Err(error) => Look::Never(error),
        }
    });
    remounted.await.map_err(|error| match error {
        Error::Failed(why) => Error::Inconclusive(why),
        other => other,
    })
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for RemountReadOnly {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let disk = Disk::of(bed, &self.node).await?;
        remount_when_idle(bed, &disk.remount("ro")).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.shell().must(&disk.remount("rw")).await.map(drop) }))
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        Disk::of(bed, &self.node).await?.refuses(bed, READ_ONLY).await
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for BindReadOnly {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let disk = Disk::of(bed, &self.node).await?;
        remount_when_idle(bed, &disk.remount("bind,ro")).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.shell().must(&disk.remount("bind,rw")).await.map(drop) }))
    }

    /// Seen from the node's own namespace: a path through `/proc/PID/root` goes by the
    /// mount too.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        Disk::of(bed, &self.node).await?.refuses(bed, READ_ONLY).await
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for FilesystemError {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let disk = Disk::of(bed, &self.node).await?;
        // The device that is mounted there, by the kernel's name.
        let device = format!("/sys/dev/block/$(stat -c %Hd:%Ld {})", disk.folder());
        let script =
            format!("name=$(basename $(readlink -f {device})) && echo 1 >{SYS}/fs/ext4/$name/trigger_fs_error");
        bed.shell().must(&script).await?;
        Ok(Undo::none())
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        Disk::of(bed, &self.node).await?.refuses(bed, READ_ONLY).await
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for FilesystemShutDown {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let disk = Disk::of(bed, &self.node).await?;
        bed.shell().must(&format!("shut-down-filesystem {}", disk.folder())).await?;
        Ok(Undo::none())
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let seen = Disk::of(bed, &self.node).await?.refuses(bed, &["Input/output error"]).await?;
        // Reads fail as well: that is no harm beyond the fault.
        let control = seen.control.into_iter().filter(|part| !part.contains("folder")).collect();
        Ok(Effect { control, ..seen })
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for DeviceShrunk {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let device = bed.node(&self.node)?.device(&self.device)?.kernel.clone();
        let bytes = u64::from(self.mebibytes) << 20;
        bed.shell().must(&format!("limit-device /dev/{device} {bytes}")).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.shell().must(&format!("limit-device /dev/{device} 0")).await.map(drop) }))
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let device = bed.node(&self.node)?.device(&self.device)?;
        let said = bed.shell().must(&format!("blockdev --getsize64 /dev/{}", device.kernel)).await?;
        let bytes: u64 = said.trim().parse().map_err(|_| Error::inconclusive(format!("its size is {said:?}")))?;
        Ok(Effect::new(bytes < u64::from(device.mebibytes) << 20, format!("it has {} MiB", bytes >> 20)))
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for WriteProtected {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let device = bed.node(&self.node)?.device(&self.device)?.kernel.clone();
        bed.shell().must(&format!("blockdev --setro /dev/{device}")).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.shell().must(&format!("blockdev --setrw /dev/{device}")).await.map(drop) }))
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let device = bed.node(&self.node)?.device(&self.device)?;
        let said = bed.shell().must(&format!("blockdev --getro /dev/{}", device.kernel)).await?;
        Ok(Effect::new(said.trim() == "1", format!("blockdev --getro: {}", said.trim())))
    }
}
