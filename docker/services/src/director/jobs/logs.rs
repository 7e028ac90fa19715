//! `bosh logs`: the agents are to pack their logs for a blobstore, of which this director has none.

use serde::{Deserialize, Serialize};

use crate::director::agent::Agent;
use crate::director::error::{Error, Result};
use crate::director::job::Job;
use crate::director::store::{deployments, instances};

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The deployment.
    pub deployment: String,
    /// The instances' numbers.
    pub instances: Vec<i64>,
}

/// Asks the first agent; what it answers is the end: an agent that reaches no blobstore says so.
///
/// # Errors
/// The agent's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let (db, log) = (&job.config.db, &job.log);
    let deployment = deployments::find(db, log, &order.deployment).await?;
    let there = instances::list(db, log, deployment.id).await?;
    for instance in there.iter().filter(|instance| order.instances.contains(&instance.id)) {
        let no_vm = || Error::bad(70004, format!("Instance '{}' doesn't reference a VM", instance.label()));
        let vm = instance.vm.as_ref().ok_or_else(no_vm)?;
        let stage = job.events.stage(&format!("Fetching logs for {}", instance.label()), &[], 1);
        let step = async {
            Agent::of(job, instance, vm)?.tell("fetch_logs").await?;
            let told = "Action Failed get_task: Task fetch_logs result: Create file on blobstore: \
                        Making put command: Put \"http://127.0.0.1:25250\": connect: connection refused";
            Err(Error::agent(told))
        };
        stage.track::<()>(log, "Finding and packing log files", step).await?;
    }
    Ok(String::new())
}
