//! Persistent disks: made and attached with an instance's update, kept over its VMs' lives, orphaned with it \[S\].

use serde_json::json;

use crate::director::agent::Agent;
use crate::director::cpi::Cpi;
use crate::director::error::{Error, Result};
use crate::director::job::Job;
use crate::director::store::disks::{self, Disk, Orphan, Wanted};
use crate::director::store::events::Event;
use crate::director::store::instances::{Instance, Vm};

/// An instance of a deployment, whose disk is dealt with.
#[derive(Debug, Clone, Copy)]
pub struct Disks<'a> {
    /// The job.
    pub job: &'a Job,
    /// The deployment.
    pub deployment: &'a str,
    /// The instance.
    pub instance: &'a Instance,
}

impl Disks<'_> {
    /// The disk that the instance has.
    ///
    /// # Errors
    /// The database's.
    pub async fn active(self) -> Result<Option<Disk>> {
        disks::of(&self.job.config.db, &self.job.log, self.instance.id).await
    }

    /// Brings the instance to the disk that its group wants: another size is another disk, and what was on the old one
    /// is brought over.
    ///
    /// # Errors
    /// The CPI's, the agent's, or the database's.
    pub async fn bring(self, vm: &Vm, wanted: Option<&Wanted>) -> Result<()> {
        let old = self.active().await?;
        if old.as_ref().map(|disk| &disk.made_by) == wanted {
            return Ok(());
        }
        self.job.log.info("Updating persistent disk");
        let new = match wanted {
            Some(wanted) => Some(self.create(vm, wanted).await?),
            None => None,
        };
        if let Some(new) = &new {
            self.attach(vm, &new.cid).await?;
        }
        if let Some(old) = &old {
            if new.is_some() {
                Agent::of(self.job, self.instance, vm)?.tell("migrate_disk").await?;
            }
            self.detach(vm, &old.cid).await?;
            self.orphan(old).await?;
        }
        match &new {
            Some(new) => disks::add(&self.job.config.db, &self.job.log, self.instance.id, new).await,
            None => Ok(()),
        }
    }

    /// Attaches the disk that it has to a VM that was made for it.
    ///
    /// # Errors
    /// The CPI's, the agent's, or the database's.
    pub async fn attach_to(self, vm: &Vm) -> Result<()> {
        match self.active().await? {
            Some(disk) => self.attach(vm, &disk.cid).await,
            None => Ok(()),
        }
    }

    /// Detaches the disk that it has from a VM that is to go.
    ///
    /// # Errors
    /// As [`Disks::attach_to`].
    pub async fn detach_from(self, vm: &Vm) -> Result<()> {
        match self.active().await? {
            Some(disk) => self.detach(vm, &disk.cid).await,
            None => Ok(()),
        }
    }

    /// Takes the disk that it has from it.
    ///
    /// # Errors
    /// The database's.
    pub async fn orphan_active(self) -> Result<()> {
        match self.active().await? {
            Some(disk) => self.orphan(&disk).await,
            None => Ok(()),
        }
    }

    async fn create(self, vm: &Vm, wanted: &Wanted) -> Result<Disk> {
        let parent = self.event("create", None, None, None).await?;
        let made =
            Cpi { job: self.job }.call("create_disk", json!([wanted.size, wanted.cloud_properties, vm.cid])).await;
        let made = made.map(|cid| cid.as_str().unwrap_or_default().to_owned());
        let error = made.as_ref().err().map(|error| error.message.as_str());
        self.event("create", Some(parent), made.as_deref().ok(), error).await?;
        Ok(Disk { cid: made?, made_by: wanted.clone() })
    }

    /// Attaches a disk to the VM, and has the agent mount it.
    ///
    /// # Errors
    /// The CPI's or the agent's.
    pub async fn attach(self, vm: &Vm, cid: &str) -> Result<()> {
        Cpi { job: self.job }.call("attach_disk", json!([vm.cid, cid])).await?;
        let agent = Agent::of(self.job, self.instance, vm)?;
        agent.wait_until_ready().await?;
        agent.tell("mount_disk").await
    }

    async fn detach(self, vm: &Vm, cid: &str) -> Result<()> {
        let agent = Agent::of(self.job, self.instance, vm)?;
        self.job.log.info(format!("Stopping instance '{}' before unmount", self.instance.name()));
        agent.tell("stop").await?;
        self.job.log.info(format!("Unmounting disk '{cid}'"));
        agent.tell("unmount_disk").await?;
        self.job.log.info(format!("Detaching disk {cid}"));
        Cpi { job: self.job }.call("detach_disk", json!([vm.cid, cid])).await.map(drop)
    }

    async fn orphan(self, disk: &Disk) -> Result<()> {
        let (db, log, now) = (&self.job.config.db, &self.job.log, self.job.config.clock.now());
        let parent = self.event("delete", None, Some(&disk.cid), None).await?;
        log.info(format!("Orphaning disk: '{}', active", disk.cid));
        let orphan = Orphan {
            disk: disk.clone(),
            az: self.instance.az.clone(),
            deployment: self.deployment.to_owned(),
            instance: self.instance.name(),
            at: None,
        };
        let done = disks::orphan(db, log, &orphan, now).await;
        let error = done.as_ref().err().map(|error: &Error| error.message.as_str());
        self.event("delete", Some(parent), Some(&disk.cid), error).await?;
        done
    }

    async fn event(self, action: &str, parent: Option<i64>, cid: Option<&str>, error: Option<&str>) -> Result<i64> {
        let name = self.instance.name();
        let (instance, deployment) = (Some(name.as_str()), Some(self.deployment));
        let (object_type, object_name) = ("disk", cid);
        let event = Event { parent, action, object_type, object_name, deployment, instance, error, ..Event::default() };
        self.job.event(event).await
    }
}
