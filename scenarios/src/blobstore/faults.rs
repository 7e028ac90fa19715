//! The report's fault: a deploy that moves the blobs to a disk that is too small.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, OnTestbed, RemountReadOnly, Undo},
};

use super::{NEW_DISK, VM};

/// A deploy with a persistent disk that cannot hold the blobs. The agent stops the
/// jobs, mounts the old disk back read-only, copies, fails, and nobody makes it
/// writable again.
#[derive(Debug, Clone, Copy)]
pub(super) struct MigrationFails;

impl fmt::Display for MigrationFails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a migration to a disk that is too small")
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for MigrationFails {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let deployed = bed.node(VM)?.exec(&["director", "deploy", NEW_DISK]).await?;
        if deployed.code == 0 {
            return Err(Error::inconclusive("the deploy went through: the blobs fitted on the new disk"));
        }
        Ok(Undo::none())
    }

    /// What it leaves is what a remount leaves, and is looked at as that.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        RemountReadOnly { node: VM.into() }.effect(bed).await
    }
}
