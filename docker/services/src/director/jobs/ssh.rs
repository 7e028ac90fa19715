//! `bosh ssh`: sets a session up on each instance that is meant, and takes it down.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::director::agent::Agent;
use crate::director::error::{Error, Result};
use crate::director::job::Job;
use crate::director::store::deployments;
use crate::director::store::events::Event;
use crate::director::store::instances::{self, Instance};

/// What it is told: the request's body as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The deployment.
    #[serde(rename = "deployment_name")]
    pub deployment: String,
    /// `setup` or `cleanup`
    pub command: String,
    /// `{"job":"web","ids":["0"]}`
    #[serde(default)]
    pub target: Value,
    /// `{"user":…,"public_key":…}` or `{"user_regex":…}`
    #[serde(default)]
    pub params: Value,
}

impl Order {
    /// `tasks.description`
    pub fn description(&self) -> String {
        format!("ssh: {}:{}", self.command, self.target)
    }

    /// Whether the instance is meant.
    fn means(&self, instance: &Instance) -> bool {
        let list = |key: &str| self.target[key].as_array().cloned().unwrap_or_default();
        let named = |id: &Value| match id {
            Value::String(text) => *text == instance.uuid || *text == instance.index.to_string(),
            number => number.as_i64() == Some(instance.index),
        };
        let wanted = [list("ids"), list("indexes")].concat();
        let of_group = self.target["job"].as_str().is_none_or(|job| job.is_empty() || job == instance.job);
        of_group && (wanted.is_empty() || wanted.iter().any(named))
    }
}

/// Does it; the sessions are its result, in one line.
///
/// # Errors
/// An agent's, that there is no such instance, or the database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let deployment = deployments::find(&job.config.db, &job.log, &order.deployment).await?;
    let there = instances::list(&job.config.db, &job.log, deployment.id).await?;
    let meant: Vec<_> = there.iter().filter(|instance| instance.vm.is_some() && order.means(instance)).collect();
    if meant.is_empty() {
        let told =
            format!("No instance with a VM in deployment '{}' matched filter {}", order.deployment, order.target);
        return Err(Error::internal(told));
    }
    let mut sessions = Vec::new();
    for instance in meant {
        let session = session(job, &order, instance).await;
        let error = session.as_ref().err().map(|error| error.message.as_str());
        told(job, &order, instance, error).await?;
        sessions.push(session?);
    }
    job.result(&Value::Array(sessions).to_string()).await.map(|()| String::new())
}

async fn session(job: &Job, order: &Order, instance: &Instance) -> Result<Value> {
    let Some(vm) = &instance.vm else { return Ok(Value::Null) };
    job.log.info(format!("ssh {} '{}'", order.command, instance.name()));
    let mut session = Agent::of(job, instance, vm)?.ssh(&order.command, &order.params).await?;
    session["id"] = json!(instance.uuid);
    session["index"] = json!(instance.index);
    session["job"] = json!(instance.job);
    Ok(session)
}

async fn told(job: &Job, order: &Order, instance: &Instance, error: Option<&str>) -> Result<()> {
    let (name, action) = (instance.name(), format!("{} ssh", order.command));
    let user = order.params["user_regex"].as_str().or(order.params["user"].as_str());
    let event = Event {
        action: &action,
        object_type: "instance",
        object_name: Some(&name),
        deployment: Some(&order.deployment),
        instance: Some(&name),
        error,
        context: Some(json!({"user": user})),
        ..Event::default()
    };
    job.event(event).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_means_its_instances_and_no_others() {
        let instance = Instance::of("web", 1, "u1");
        let means = |target: Value| {
            let (deployment, command) = ("paasta".to_owned(), "setup".to_owned());
            Order { deployment, command, target, params: Value::Null }.means(&instance)
        };
        for (target, meant) in [
            (json!({"job": "web", "indexes": [], "ids": []}), true),
            (json!({"job": "web", "ids": ["u1"]}), true),
            (json!({"job": "web", "ids": ["1"]}), true),
            (json!({"job": "web", "indexes": [0]}), false),
            (json!({"job": "database", "ids": ["1"]}), false),
            (json!({"job": "", "ids": []}), true),
            (json!({}), true),
        ] {
            assert_eq!(means(target.clone()), meant, "{target}");
        }
    }
}
