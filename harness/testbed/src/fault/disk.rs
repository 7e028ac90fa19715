//! Disks that run full.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::Testbed;
use reenact_core::Result;

/// Not a byte is left on a node's disk. Only a disk of the node's own can be
/// filled: filling one that it shares with the host would harm the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskFull {
    /// The node.
    pub node: String,
}

impl fmt::Display for DiskFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the disk of {} full", self.node)
    }
}

impl DiskFull {
    /// The file that takes the room, and one to try a write with, as the helper
    /// sees them.
    async fn files(&self, bed: &Testbed) -> Result<(String, String)> {
        let node = bed.node(&self.node)?;
        let folder = node.reach(node.disk_mount()?).await?;
        Ok((format!("{folder}/.reenact-fill"), format!("{folder}/.reenact-try")))
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for DiskFull {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let (fill, _) = self.files(bed).await?;
        // In large blocks first, then to the last page; both end with ENOSPC.
        let large = format!("dd if=/dev/zero of={fill} bs=1M status=none 2>/dev/null");
        bed.shell().must(&format!("{large}; {}; [ -s {fill} ]", top_up(&fill))).await?;
        let (fault, bed) = (self.clone(), bed.clone());
        Ok(Undo::by(async move {
            // Looked up again: the node may have been restarted meanwhile.
            let (fill, _) = fault.files(&bed).await?;
            bed.shell().must(&format!("rm -f {fill}")).await.map(drop)
        }))
    }

    /// A write of one page fails. What the node itself gave back since the fill, as a
    /// server does that ends for want of room, is filled first: else the proof would
    /// race with the fault's own consequences.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let (fill, page) = self.files(bed).await?;
        let script = format!(
            "[ ! -e {fill} ] || {}; head -c 4096 /dev/zero >{page}; code=$?; rm -f {page}; exit $code",
            top_up(&fill)
        );
        let (code, said) = bed.shell().run(&script).await?;
        let seen = if code == 0 { "a page was written".into() } else { said.trim().to_owned() };
        Ok(Effect::new(code != 0 && said.contains("No space left"), seen))
    }
}

/// Appends to a file until not a page is left.
fn top_up(fill: &str) -> String {
    format!("dd if=/dev/zero of={fill} bs=4k oflag=append conv=notrunc status=none 2>/dev/null")
}
