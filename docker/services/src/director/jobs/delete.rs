//! `bosh delete-deployment`.

use serde::{Deserialize, Serialize};

use crate::director::deploy::disk::Disks;
use crate::director::deploy::vm;
use crate::director::error::Result;
use crate::director::held::with_deployment_lock;
use crate::director::job::Job;
use crate::director::store::events::Event;
use crate::director::store::{deployments, instances};

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The deployment.
    pub deployment: String,
    /// Goes on over errors of the CPI.
    pub force: bool,
}

/// Does it.
///
/// # Errors
/// The lock's, the CPI's (unless forced), or the database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let name = order.deployment.as_str();
    job.log.info(format!("Deleting: {name}"));
    let parent = event(job, name, None, None).await?;
    let timeout = job.config.intervals.seconds(10.0);
    let done = with_deployment_lock(job, name, timeout, delete(job, &order)).await;
    let error = done.as_ref().err().map(|error| error.message.as_str());
    event(job, name, Some(parent), error).await?;
    done.map(|()| format!("/deployments/{name}"))
}

async fn event(job: &Job, name: &str, parent: Option<i64>, error: Option<&str>) -> Result<i64> {
    let (object_type, object_name, deployment) = ("deployment", Some(name), Some(name));
    let action = "delete";
    job.event(Event { parent, action, object_type, object_name, deployment, error, ..Event::default() }).await
}

async fn delete(job: &Job, order: &Order) -> Result<()> {
    let (db, log) = (&job.config.db, &job.log);
    let deployment = deployments::find(db, log, &order.deployment).await?;
    let there = instances::list(db, log, deployment.id).await?;
    let stage = job.events.stage("Deleting instances", &[], there.len());
    for instance in &there {
        let step = async {
            match vm::delete_instance(job, &order.deployment, instance).await {
                Err(error) if order.force => {
                    log.error(format!("{error}; forced, so it is forgotten"));
                    Disks { job, deployment: &order.deployment, instance }.orphan_active().await?;
                    instances::delete(db, log, instance.id).await
                }
                done => done,
            }
        };
        stage.track(log, &instance.label(), step).await?;
        job.checkpoint().await?;
    }
    let stage = job.events.stage("Removing deployment artifacts", &[], 1);
    stage.track(log, "Destroying deployment", deployments::delete(db, log, deployment.id)).await
}
