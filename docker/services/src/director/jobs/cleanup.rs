//! `bosh clean-up`: releases, stemcells and disks that nothing uses. It never touches a deployment's lock \[M\].

use serde::{Deserialize, Serialize};

use super::disk;
use crate::director::error::Result;
use crate::director::held::with_locks;
use crate::director::job::Job;
use crate::director::manifest::Manifest;
use crate::director::store::{deployments, disks};

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Everything unused, and not only what is old.
    pub remove_all: bool,
    /// Leaves disks alone.
    pub keep_orphaned_disks: bool,
}

/// Does it; the result is what it says it has deleted.
///
/// # Errors
/// A release's lock, or the database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let db = &job.config.db;
    let mut releases: Vec<String> = Vec::new();
    for deployment in deployments::list(db).await? {
        let manifest = deployment.manifest.as_deref().and_then(|text| Manifest::parse(text).ok());
        let named = manifest.into_iter().flat_map(|manifest| manifest.releases);
        releases
            .extend(named.filter_map(|release| release["name"].as_str().map(|name| format!("lock:release:{name}"))));
    }
    releases.sort();
    releases.dedup();
    // Every release here is in use, so that nothing is deleted; its lock is wanted all the same, for 10 s.
    with_locks(job, &releases, job.config.intervals.seconds(10.0), job.checkpoint()).await?;
    if order.remove_all {
        let stage = job.events.stage("Deleting dns blobs", &[], 1);
        stage.track(&job.log, "DNS blobs", job.checkpoint()).await?;
    }
    let orphans = disks::orphans(db, &job.log).await?.into_iter().map(|orphan| orphan.disk.cid);
    let orphans: Vec<_> = orphans.filter(|_| order.remove_all && !order.keep_orphaned_disks).collect();
    if !orphans.is_empty() {
        disk::delete(job, &orphans).await?;
    }
    let deleted = orphans.len();
    Ok(format!(
        "Deleted 0 release(s), 0 stemcell(s), 0 extra compiled package(s), {deleted} orphaned disk(s), 0 orphaned vm(s), 0 exported release(s), 0 dns blob(s)"
    ))
}
