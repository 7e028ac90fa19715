//! The jobs: what a task does, in the child process that a worker makes for it.

pub mod cleanup;
pub mod cloud_check;
pub mod delete;
pub mod disk;
pub mod instance;
pub mod logs;
pub mod ssh;
pub mod upload;
pub mod vm_state;

use serde::{Deserialize, Serialize};

use self::upload::Artifact;
use super::deploy;
use super::error::Result;
use super::job::Job;

/// A queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Queue {
    /// Deploys and all that takes long.
    Normal,
    /// `vms`, `instances`: a worker may be kept for them.
    Urgent,
}

impl Queue {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Urgent => "urgent",
        }
    }
}

/// What a job is told: the arguments in its `delayed_jobs.handler`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    /// `bosh deploy`, and `stop`, `start`, `restart`, `recreate` with converging.
    UpdateDeployment(deploy::Order),
    /// `bosh delete-deployment`
    DeleteDeployment(delete::Order),
    /// `bosh cck`: the scan.
    Scan(cloud_check::ScanOrder),
    /// `bosh cck`: the fix.
    ApplyResolutions(cloud_check::FixOrder),
    /// `bosh clean-up`
    CleanupArtifacts(cleanup::Order),
    /// `bosh vms`, `bosh instances`
    VmState(vm_state::Order),
    /// `bosh attach-disk`, `bosh orphan-disk`, `bosh delete-disk`
    Disk(disk::Order),
    /// `bosh restart --no-converge` and its like.
    Instance(instance::Order),
    /// `bosh ssh`
    Ssh(ssh::Order),
    /// `bosh logs`
    FetchLogs(logs::Order),
    /// `bosh upload-release`, `bosh upload-stemcell`
    Upload(upload::Order),
}

impl Work {
    /// `tasks.type`
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UpdateDeployment(_) => "update_deployment",
            Self::DeleteDeployment(_) => "delete_deployment",
            Self::Scan(_) => "cck_scan",
            Self::ApplyResolutions(_) => "cck_apply",
            Self::CleanupArtifacts(_) => "delete_artifacts",
            Self::Disk(order) => order.kind(),
            Self::VmState(_) => "vms",
            Self::Instance(_) => "update_instance",
            Self::Ssh(_) => "ssh",
            Self::FetchLogs(_) => "fetch_logs",
            Self::Upload(upload::Order { artifact: Artifact::Release, .. }) => "update_release",
            Self::Upload(upload::Order { artifact: Artifact::Stemcell, .. }) => "update_stemcell",
        }
    }

    /// The real director's class.
    pub fn class(&self) -> &'static str {
        match self {
            Self::UpdateDeployment(_) => "UpdateDeployment",
            Self::DeleteDeployment(_) => "DeleteDeployment",
            Self::Scan(_) => "CloudCheck::Scan",
            Self::ApplyResolutions(_) => "CloudCheck::ApplyResolutions",
            Self::CleanupArtifacts(_) => "CleanupArtifacts",
            Self::Disk(order) => order.class(),
            Self::VmState(_) => "VmState",
            Self::Instance(_) => "UpdateInstance",
            Self::Ssh(_) => "Ssh",
            Self::FetchLogs(_) => "FetchLogs",
            Self::Upload(upload::Order { artifact: Artifact::Release, .. }) => "UpdateRelease",
            Self::Upload(upload::Order { artifact: Artifact::Stemcell, .. }) => "UpdateStemcell",
        }
    }

    /// `tasks.description`
    pub fn description(&self) -> String {
        match self {
            Self::UpdateDeployment(_) => "create deployment".to_owned(),
            Self::DeleteDeployment(order) => format!("delete deployment {}", order.deployment),
            Self::Scan(_) => "scan cloud".to_owned(),
            Self::ApplyResolutions(_) => "apply resolutions".to_owned(),
            Self::CleanupArtifacts(order) if order.remove_all => "clean up all".to_owned(),
            Self::CleanupArtifacts(_) => "clean up".to_owned(),
            Self::Disk(order) => order.description(),
            Self::VmState(_) => "retrieve vm-stats".to_owned(),
            Self::Instance(order) => format!("{} instance", order.action.name()),
            Self::Ssh(order) => order.description(),
            Self::FetchLogs(_) => "fetch logs".to_owned(),
            Self::Upload(order) => format!("create {}", order.artifact.name()),
        }
    }

    /// The deployment it works on.
    pub fn deployment(&self) -> Option<&str> {
        match self {
            Self::UpdateDeployment(order) => Some(&order.deployment),
            Self::DeleteDeployment(order) => Some(&order.deployment),
            Self::Scan(order) => Some(&order.deployment),
            Self::ApplyResolutions(order) => Some(&order.deployment),
            Self::CleanupArtifacts(_) | Self::Upload(_) => None,
            Self::Disk(order) => order.deployment(),
            Self::VmState(order) => Some(&order.deployment),
            Self::Instance(order) => Some(&order.deployment),
            Self::Ssh(order) => Some(&order.deployment),
            Self::FetchLogs(order) => Some(&order.deployment),
        }
    }

    /// Which queue it waits in.
    pub fn queue(&self) -> Queue {
        if matches!(self, Self::VmState(_) | Self::Ssh(_)) { Queue::Urgent } else { Queue::Normal }
    }

    /// Does it; what it returns becomes the task's result.
    ///
    /// # Errors
    /// Whatever ends the task other than done.
    pub async fn perform(self, job: &Job) -> Result<String> {
        match self {
            Self::UpdateDeployment(order) => deploy::perform(job, order).await,
            Self::DeleteDeployment(order) => delete::perform(job, order).await,
            Self::Scan(order) => cloud_check::scan(job, order).await,
            Self::ApplyResolutions(order) => cloud_check::fix(job, order).await,
            Self::CleanupArtifacts(order) => cleanup::perform(job, order).await,
            Self::Disk(order) => disk::perform(job, order).await,
            Self::VmState(order) => vm_state::perform(job, order).await,
            Self::Instance(order) => instance::perform(job, order).await,
            Self::Ssh(order) => ssh::perform(job, order).await,
            Self::FetchLogs(order) => logs::perform(job, order).await,
            Self::Upload(order) => upload::perform(job, order).await,
        }
    }
}
