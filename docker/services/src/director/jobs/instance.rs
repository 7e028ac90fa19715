//! `bosh restart --no-converge web/0` and its like: one instance, under the deployment's lock, without a deploy.

use serde::{Deserialize, Serialize};

use crate::director::agent::Agent;
use crate::director::db::lit;
use crate::director::deploy::disk::Disks;
use crate::director::deploy::{self, vm};
use crate::director::error::{Error, Result};
use crate::director::event::Stage;
use crate::director::held::with_deployment_lock;
use crate::director::job::Job;
use crate::director::store::deployments;
use crate::director::store::events::Event;
use crate::director::store::instances::{self, Instance, Vm};

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The deployment.
    pub deployment: String,
    /// The instance's number.
    pub instance: i64,
    /// What to do with it.
    pub action: Action,
    /// `stop --hard`: its VM goes, too.
    pub hard: bool,
}

/// What to do with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `bosh stop`
    Stop,
    /// `bosh start`
    Start,
    /// `bosh restart`
    Restart,
    /// `bosh recreate`: a restart on another VM.
    Recreate,
}

impl Action {
    /// As the API's path names it.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Stop, Self::Start, Self::Restart, Self::Recreate].into_iter().find(|action| action.name() == name)
    }

    /// Its verb, which is what its events are called by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Recreate => "recreate",
        }
    }
}

/// Does it; the result is the instance's name.
///
/// # Errors
/// The lock's, the agent's, the CPI's, or the database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let timeout = job.config.intervals.seconds(10.0);
    with_deployment_lock(job, &order.deployment, timeout, act(job, &order)).await
}

async fn act(job: &Job, order: &Order) -> Result<String> {
    let (db, log) = (&job.config.db, &job.log);
    let deployment = deployments::find(db, log, &order.deployment).await?;
    let there = instances::list(db, log, deployment.id).await?;
    let missing = || Error::missing(70001, format!("Instance {} doesn't exist", order.instance));
    let instance = there.into_iter().find(|instance| instance.id == order.instance).ok_or_else(missing)?;
    let stage = job.events.stage(&format!("Updating instance {}", instance.label()), &[], None);
    let update = Update { job, order, deployment, stage };
    let name = instance.name();
    match order.action {
        Action::Stop => update.stop(instance).await.map(drop)?,
        Action::Start => update.start(instance).await?,
        Action::Restart | Action::Recreate => {
            let restart = async { update.start(update.stop(instance).await?).await };
            update.told(order.action.name(), &name, restart).await?;
        }
    }
    Ok(name)
}

/// One instance's.
struct Update<'a> {
    job: &'a Job,
    order: &'a Order,
    deployment: deployments::Deployment,
    stage: Stage,
}

impl Update<'_> {
    /// Does that between two events.
    async fn told<T>(&self, action: &str, name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let deployment = Some(self.deployment.name.as_str());
        let event = |parent, error| Event {
            parent,
            action,
            object_type: "instance",
            object_name: Some(name),
            deployment,
            instance: Some(name),
            error,
            ..Event::default()
        };
        let parent = self.job.event(event(None, None)).await?;
        let done = work.await;
        let error = done.as_ref().err().map(|error| error.message.as_str());
        self.job.event(event(Some(parent), error)).await?;
        done
    }

    fn hard(&self) -> bool {
        self.order.hard || self.order.action == Action::Recreate
    }

    /// Stops the jobs, and ends the VM if that is asked; the instance as it is then. One that is stopped stays so.
    async fn stop(&self, instance: Instance) -> Result<Instance> {
        let (job, log) = (self.job, &self.job.log);
        if instance.state == "detached" || (instance.state == "stopped" && !self.hard()) {
            return Ok(instance);
        }
        let name = instance.name();
        let step = async {
            job.checkpoint().await?;
            self.told("stop", &name, self.stop_jobs(&instance)).await
        };
        self.stage.track(log, "Stopping instance", step).await?;
        let mut now = Instance { state: "stopped".to_owned(), ..instance };
        if let Some(vm) = now.vm.take_if(|_| self.hard()) {
            let step = async {
                job.checkpoint().await?;
                Disks { job, deployment: &self.deployment.name, instance: &now }.detach_from(&vm).await?;
                vm::delete(job, &self.deployment.name, &now, &vm.cid).await?;
                self.set(&now, "detached").await
            };
            self.stage.track(log, "Deleting VM", step).await?;
            now.state = "detached".to_owned();
        }
        Ok(now)
    }

    async fn stop_jobs(&self, instance: &Instance) -> Result<()> {
        if let Some(vm) = &instance.vm {
            Agent::of(self.job, instance, vm)?.stop_jobs("shutdown").await?;
        }
        self.set(instance, "stopped").await
    }

    /// Starts the jobs, on a VM that is made if there is none. One that is started stays so.
    async fn start(&self, instance: Instance) -> Result<()> {
        let (job, log) = (self.job, &self.job.log);
        let vm = match &instance.vm {
            Some(vm) => vm.clone(),
            None => self.stage.track(log, "Creating VM", self.make(&instance)).await?,
        };
        if instance.state == "started" {
            return Ok(());
        }
        let name = instance.name();
        let step = async {
            job.checkpoint().await?;
            let work = async {
                self.set(&instance, "started").await?;
                Agent::of(job, &instance, &vm)?.set_jobs("running").await
            };
            self.told("start", &name, work).await
        };
        self.stage.track(log, "Starting instance", step).await
    }

    async fn make(&self, instance: &Instance) -> Result<Vm> {
        self.job.checkpoint().await?;
        let (plan, cloud) = deploy::plan_of(self.job, self.deployment.clone()).await?;
        vm::create(self.job, &plan, instance, &cloud).await
    }

    async fn set(&self, instance: &Instance, state: &str) -> Result<()> {
        instances::set(&self.job.config.db, &self.job.log, instance.id, &[("state", lit(state))]).await
    }
}
