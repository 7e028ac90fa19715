//! The report's fault: a deploy that moves the blobs to a disk that is too small.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, OnTestbed, RemountReadOnly, Undo},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Blobstore, VM};

/// A deploy with a persistent disk that cannot hold the blobs. The agent stops the
/// jobs, mounts the old disk back read-only, copies, fails, and nobody makes it
/// writable again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MigrationFails {
    /// The new disk, such as `/dev/sde1`.
    pub(super) disk: String,
}

impl fmt::Display for MigrationFails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a migration of the blobs to {}, which is too small", self.disk)
    }
}

#[async_trait]
impl Fault<Blobstore> for MigrationFails {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let deployed = system.bed().node(VM)?.exec(&["director", "deploy", &self.disk]).await?;
        if deployed.code == 0 {
            return Err(Error::inconclusive("the deploy went through: the blobs fitted on the new disk"));
        }
        Ok(Undo::none())
    }

    /// What it leaves is what a remount leaves, and is looked at as that.
    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        RemountReadOnly { node: VM.into() }.effect(system).await
    }

    fn is_lasting(&self) -> bool {
        true
    }
}
