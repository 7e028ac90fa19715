//! The jobs: what a task does, in the child process that a worker makes for it.

pub mod cleanup;
pub mod cloud_check;
pub mod delete;
pub mod instance;
pub mod logs;
pub mod ssh;
pub mod vm_state;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::{Error, Result};
use super::event::EventLog;
use super::log::Logger;
use super::store::events::{self, Event};
use super::store::tasks::{self, Task};
use super::{deploy, queue};

/// A running job's surroundings; cheap to clone, one for each of its threads.
#[derive(Debug, Clone)]
pub struct Job {
    /// The process's.
    pub config: Config,
    /// The thread's debug log.
    pub log: Logger,
    /// The task's event output.
    pub events: EventLog,
    task: std::sync::Arc<Task>,
}

impl Job {
    /// The surroundings of `task`.
    pub fn new(config: Config, log: Logger, task: Task) -> Self {
        let events = EventLog::new(config.db.clone(), config.clock, task.id);
        Self { config, log, events, task: std::sync::Arc::new(task) }
    }

    /// The task's number.
    pub fn id(&self) -> i64 {
        self.task.id
    }

    /// The task as it was when this process found it.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The same job in another thread.
    pub fn in_thread(&self, name: impl Into<String>) -> Self {
        Self { log: self.log.in_thread(name), ..self.clone() }
    }

    /// The only place where a job notices that it was cancelled.
    ///
    /// # Errors
    /// `TaskCancelled`, or the database's.
    pub async fn checkpoint(&self) -> Result<()> {
        let task = tasks::find(&self.config.db, &self.log, self.id()).await?;
        if task.state.stops_the_job() { Err(Error::cancelled(self.id())) } else { Ok(()) }
    }

    /// Writes an event of this task; its id.
    ///
    /// # Errors
    /// The database's.
    pub async fn event(&self, event: Event<'_>) -> Result<i64> {
        let task = self.id().to_string();
        let user = self.task.user.as_deref().unwrap_or("admin");
        let event = Event { user, task: Some(&task), ..event };
        events::create(&self.config.db, &self.log, self.config.clock.now(), &event).await
    }

    /// Adds a line to the task's result.
    ///
    /// # Errors
    /// The database's.
    pub async fn result(&self, line: &str) -> Result<()> {
        tasks::append(&self.config.db, &self.log, self.id(), "result_output", line).await
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
    /// `bosh restart --no-converge` and its like.
    Instance(instance::Order),
    /// `bosh ssh`
    Ssh(ssh::Order),
    /// `bosh logs`
    FetchLogs(logs::Order),
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
            Self::VmState(_) => "vms",
            Self::Instance(_) => "update_instance",
            Self::Ssh(_) => "ssh",
            Self::FetchLogs(_) => "fetch_logs",
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
            Self::VmState(_) => "VmState",
            Self::Instance(_) => "UpdateInstance",
            Self::Ssh(_) => "Ssh",
            Self::FetchLogs(_) => "FetchLogs",
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
            Self::VmState(_) => "retrieve vm-stats".to_owned(),
            Self::Instance(order) => format!("{} instance", order.action.name()),
            Self::Ssh(order) => order.description(),
            Self::FetchLogs(_) => "fetch logs".to_owned(),
        }
    }

    /// The deployment it works on.
    pub fn deployment(&self) -> Option<&str> {
        match self {
            Self::UpdateDeployment(order) => Some(&order.deployment),
            Self::DeleteDeployment(order) => Some(&order.deployment),
            Self::Scan(order) => Some(&order.deployment),
            Self::ApplyResolutions(order) => Some(&order.deployment),
            Self::CleanupArtifacts(_) => None,
            Self::VmState(order) => Some(&order.deployment),
            Self::Instance(order) => Some(&order.deployment),
            Self::Ssh(order) => Some(&order.deployment),
            Self::FetchLogs(order) => Some(&order.deployment),
        }
    }

    /// Which queue it waits in.
    pub fn queue(&self) -> queue::Name {
        if matches!(self, Self::VmState(_) | Self::Ssh(_)) { queue::Name::Urgent } else { queue::Name::Normal }
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
            Self::VmState(order) => vm_state::perform(job, order).await,
            Self::Instance(order) => instance::perform(job, order).await,
            Self::Ssh(order) => ssh::perform(job, order).await,
            Self::FetchLogs(order) => logs::perform(job, order).await,
        }
    }
}
