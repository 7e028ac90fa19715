//! `bosh restart --no-converge web/0` and its like: one instance, under the deployment's lock, without a deploy.

use serde::{Deserialize, Serialize};

use super::Job;
use crate::director::agent::Agent;
use crate::director::db::lit;
use crate::director::deploy::vm;
use crate::director::error::{Error, Result};
use crate::director::lock::with_deployment_lock;
use crate::director::store::events::Event;
use crate::director::store::{deployments, instances};

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
}

impl Action {
    /// As the API's path names it.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Stop, Self::Start, Self::Restart].into_iter().find(|action| action.name() == name)
    }

    /// Its verb.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
        }
    }

    /// `tasks.type`
    pub fn kind(self) -> &'static str {
        match self {
            Self::Stop => "stop_instance",
            Self::Start => "start_instance",
            Self::Restart => "restart_instance",
        }
    }

    /// The real director's class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Stop => "StopInstance",
            Self::Start => "StartInstance",
            Self::Restart => "RestartInstance",
        }
    }

    fn stage(self) -> &'static str {
        match self {
            Self::Stop => "Stopping instance",
            Self::Start => "Starting instance",
            Self::Restart => "Restarting instance",
        }
    }
}

/// Does it.
///
/// # Errors
/// The lock's, the agent's, the CPI's, or the database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let timeout = job.config.intervals.seconds(10.0);
    with_deployment_lock(job, &order.deployment, timeout, act(job, &order)).await.map(|()| String::new())
}

async fn act(job: &Job, order: &Order) -> Result<()> {
    let (db, log) = (&job.config.db, &job.log);
    let deployment = deployments::find(db, log, &order.deployment).await?;
    let there = instances::list(db, log, deployment.id).await?;
    let missing = || Error::missing(70001, format!("Instance {} doesn't exist", order.instance));
    let instance = there.iter().find(|instance| instance.id == order.instance).ok_or_else(missing)?;
    let no_vm = || Error::bad(70004, format!("Instance '{}' doesn't reference a VM", instance.name()));
    let vm = instance.vm.as_ref().ok_or_else(no_vm)?;
    let stage = job.events.stage(&format!("{} {}", order.action.stage(), instance.job), &[], 1);
    let name = instance.name();
    let event = |parent| Event {
        parent,
        action: order.action.name(),
        object_type: "instance",
        object_name: Some(name.as_str()),
        deployment: Some(order.deployment.as_str()),
        instance: Some(name.as_str()),
        ..Event::default()
    };
    let parent = job.event(event(None)).await?;
    let step = async {
        let agent = Agent::of(job, instance, vm)?;
        if order.action != Action::Start {
            agent.set_jobs("stopped").await?;
        }
        if order.action != Action::Stop {
            agent.set_jobs("running").await?;
        }
        let state = match (order.action, order.hard) {
            (Action::Stop, true) => "detached",
            (Action::Stop, false) => "stopped",
            _ => "started",
        };
        if state == "detached" {
            vm::delete(job, &order.deployment, instance, &vm.cid).await?;
        }
        instances::set(db, log, instance.id, &[("state", lit(state))]).await
    };
    stage.track(log, &instance.label(), step).await?;
    job.event(event(Some(parent))).await.map(drop)
}
