//! File systems that are frozen, as for a snapshot.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo, mount::Disk};
use reenact_core::{Error, Result};

/// The file system of a node's first disk, frozen (`FIFREEZE`, as `fsfreeze --freeze` does):
/// whatever writes there waits until it is thawed, and cannot be ended, not even by SIGKILL;
/// whatever reads goes on. No call fails, and no log says a word. It needs a block device.
///
/// A machine loses its power, and is shut down, only once what waits there can end: heal it
/// before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesystemFrozen {
    /// The node.
    pub node: String,
}

impl fmt::Display for FilesystemFrozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file system of {} frozen", self.node)
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for FilesystemFrozen {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let devices = bed.node(&self.node)?.devices();
        if devices.is_empty() {
            let what = format!("{} has no block device, and only a file system on one can be frozen", self.node);
            return Err(Error::usage(what, "give its NodeSpec one with Disk::device"));
        }
        let folder = Disk::of(bed, &self.node).await?.folder();
        let command = ["freeze-filesystem".to_owned(), folder].into_iter();
        let command = command.chain(devices.iter().map(|device| device.kernel.clone())).collect();
        let holder = bed.hold(command, "frozen").await?;
        Ok(Undo::by(async move { holder.end().await }))
    }

    /// A file is made from outside of the node. It is not waited for longer than a second:
    /// what waits for a thaw cannot be ended. That it waits for one is the kernel's own word,
    /// the function that it sleeps in: a write to a slow disk waits elsewhere.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let folder = Disk::of(bed, &self.node).await?.folder();
        let script = format!(
            "try={folder}/.reenact-try said= waits=
            read -r -t 1 said < <(exec 2>&1; : >$try && rm -f $try && echo written)
            [ \"$said\" ] || waits=$(cat /proc/$!/wchan)
            echo \"${{said:-waits in $waits}}\"
            ls -U {folder} >/dev/null 2>&1 && echo 'its folder is read'"
        );
        let said = bed.shell().run(&script).await?.1;
        let (write, control) = said.split_once('\n').unwrap_or((&said, ""));
        let holds = write.starts_with("waits in ") && FREEZE_PROTECTION.iter().any(|name| write.contains(name));
        let control = control.lines().map(str::to_owned).collect();
        Ok(Effect { control, ..Effect::new(holds, format!("a write: {write}")) })
    }
}

/// Where Linux lets a write to a frozen file system sleep (`__sb_start_write` takes the
/// superblock's `rw_sem`, a percpu_rw_semaphore): in `percpu_rwsem_wait` since 5.7
/// (kernel/locking/percpu-rwsem.c), before in `__percpu_down_read` or the rwsem below it.
const FREEZE_PROTECTION: [&str; 3] = ["percpu_rwsem_wait", "__percpu_down_read", "rwsem_down_read"];
