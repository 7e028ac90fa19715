//! `bosh attach-disk`, `bosh orphan-disk` and `bosh delete-disk`. None of them takes a deployment's lock \[S\].

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::director::cpi::Cpi;
use crate::director::deploy::disk::Disks;
use crate::director::error::{Error, Result};
use crate::director::job::Job;
use crate::director::store::disks::{self, Disk, Wanted};
use crate::director::store::instances::Instance;
use crate::director::store::{deployments, instances};

/// What is done to a disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Order {
    /// Gives it to an instance, in place of the one that it has.
    Attach {
        /// The deployment.
        deployment: String,
        /// The instance group.
        group: String,
        /// The instance's uuid.
        instance: String,
        /// The disk.
        disk: String,
    },
    /// Takes it from its instance.
    Orphan(String),
    /// Deletes orphaned ones.
    Delete(Vec<String>),
}

impl Order {
    /// `tasks.type`
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Attach { .. } => "attach_disk",
            Self::Orphan(_) => "orphan_disk",
            Self::Delete(_) => "delete_orphan_disks",
        }
    }

    /// The real director's class.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Attach { .. } => "AttachDisk",
            Self::Orphan(_) => "OrphanDiskJob",
            Self::Delete(_) => "DeleteOrphanDisks",
        }
    }

    /// `tasks.description`
    pub fn description(&self) -> String {
        match self {
            Self::Attach { group, instance, disk, .. } => format!("attach disk '{disk}' to '{group}/{instance}'"),
            Self::Orphan(_) => "orphan disk".to_owned(),
            Self::Delete(_) => "delete orphan disks".to_owned(),
        }
    }

    /// The deployment it works on.
    pub fn deployment(&self) -> Option<&str> {
        match self {
            Self::Attach { deployment, .. } => Some(deployment),
            Self::Orphan(_) | Self::Delete(_) => None,
        }
    }
}

/// Does it.
///
/// # Errors
/// That there is no such instance or that it is started, the CPI's, or the database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    match order {
        Order::Attach { deployment, group, instance, disk } => {
            attach(job, &deployment, &format!("{group}/{instance}"), &disk).await
        }
        Order::Orphan(disk) => orphan(job, &disk).await,
        Order::Delete(all) => {
            delete(job, &all).await?;
            Ok(format!("orphaned disk(s) {} deleted", all.join(", ")))
        }
    }
}

async fn attach(job: &Job, deployment: &str, name: &str, cid: &str) -> Result<String> {
    let (db, log) = (&job.config.db, &job.log);
    let of = deployments::find(db, log, deployment).await?;
    let found = instances::list(db, log, of.id).await?.into_iter().find(|instance| instance.name() == name);
    let told = |what: &str| format!("Instance '{name}' in deployment '{deployment}' {what}");
    let instance = found.ok_or_else(|| Error::bad(520_001, told("was not found")))?;
    if instance.state == "started" {
        return Err(Error::bad(520_003, told("must be in 'bosh stopped' state")));
    }
    let of_it = Disks { job, deployment, instance: &instance };
    if let Some(vm) = &instance.vm {
        of_it.detach_from(vm).await?;
    }
    of_it.orphan_active().await?;
    let orphans = disks::orphans(db, log).await?;
    let kept = orphans.into_iter().find(|orphan| orphan.disk.cid == cid).map(|orphan| orphan.disk);
    // One that the director has never heard of.
    let unknown = || Disk { cid: cid.to_owned(), made_by: Wanted { size: 1, cloud_properties: json!({}) } };
    disks::forget(db, log, cid).await?;
    disks::add(db, log, instance.id, &kept.unwrap_or_else(unknown)).await?;
    if let Some(vm) = &instance.vm {
        of_it.attach(vm, cid).await?;
    }
    Ok(format!("attached disk '{cid}' to '{name}' in deployment '{deployment}'"))
}

async fn orphan(job: &Job, cid: &str) -> Result<String> {
    let stage = job.events.stage("Orphan disk", &[], 1);
    let step = async {
        match owner(job, cid).await? {
            Some((deployment, instance)) => {
                Disks { job, deployment: &deployment, instance: &instance }.orphan_active().await
            }
            None => {
                job.log.info(format!("disk {cid} does not exist"));
                Ok(())
            }
        }
    };
    stage.track(&job.log, cid, step).await?;
    Ok(format!("disk {cid} orphaned"))
}

/// The instance whose disk it is, with its deployment's name.
async fn owner(job: &Job, cid: &str) -> Result<Option<(String, Instance)>> {
    let (db, log) = (&job.config.db, &job.log);
    let Some(id) = disks::owner(db, log, cid).await? else { return Ok(None) };
    for deployment in deployments::list(db).await? {
        let all = instances::list(db, log, deployment.id).await?;
        if let Some(instance) = all.into_iter().find(|instance| instance.id == id) {
            return Ok(Some((deployment.name, instance)));
        }
    }
    Ok(None)
}

/// Deletes orphaned disks, one after the other.
///
/// # Errors
/// The CPI's or the database's.
pub async fn delete(job: &Job, all: &[String]) -> Result<()> {
    let (db, log) = (&job.config.db, &job.log);
    let stage = job.events.stage("Deleting orphaned disks", &[], all.len());
    for cid in all {
        let step = async {
            log.info(format!("Deleting orphan disk: {cid}"));
            if disks::orphans(db, log).await?.iter().all(|orphan| orphan.disk.cid != *cid) {
                log.debug(format!("Disk not found: {cid}"));
                return Ok(());
            }
            Cpi { job }.call("delete_disk", json!([cid])).await?;
            disks::forget(db, log, cid).await
        };
        stage.track(log, &format!("Deleting orphaned disk {cid}"), step).await?;
    }
    Ok(())
}
