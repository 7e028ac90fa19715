//! `bosh vms` and `bosh instances`: one line of JSON an instance. No lock is taken.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::director::agent::Agent;
use crate::director::clock;
use crate::director::error::{Kind, Result};
use crate::director::job::Job;
use crate::director::store::disks;
use crate::director::store::instances::{self, Instance};

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The deployment.
    pub deployment: String,
    /// Its number.
    pub deployment_id: i64,
    /// `bosh instances`: those without a VM, too.
    pub without_vm: bool,
}

/// Does it.
///
/// # Errors
/// The database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let (db, log) = (&job.config.db, &job.log);
    let there = instances::list(db, log, order.deployment_id).await?;
    let wanted: Vec<_> = there.into_iter().filter(|instance| order.without_vm || instance.vm.is_some()).collect();
    let states = futures_util::future::join_all(wanted.iter().map(|instance| state(job, instance))).await;
    for state in states {
        job.result(&state?.to_string()).await?;
    }
    Ok(String::new())
}

async fn state(job: &Job, instance: &Instance) -> Result<Value> {
    let disk = disks::of(&job.config.db, &job.log, instance.id).await?.map(|disk| disk.cid);
    let job_state = job_state(job, instance).await?;
    let vm = instance.vm.as_ref();
    let ips: Vec<_> = instance.ip.iter().map(|(ip, _)| ip).collect();
    let running = job_state.as_deref() == Some("running");
    let processes = if running { json!([{"name": instance.job, "state": "running"}]) } else { json!([]) };
    Ok(json!({
        "vm_cid": vm.map(|vm| &vm.cid), "vm_created_at": vm.and_then(|vm| vm.created_at).map(clock::iso),
        "active": vm.is_some(), "cloud_properties": {}, "disk_cid": disk, "disk_cids": Vec::from_iter(&disk),
        "ips": ips, "dns": [],
        "agent_id": vm.map(|vm| &vm.agent_id), "job_name": instance.job, "index": instance.index,
        "job_state": job_state, "state": instance.state, "resource_pool": "default", "vm_type": "default",
        "vitals": null, "processes": processes, "resurrection_paused": false, "az": instance.az,
        "id": instance.uuid, "bootstrap": instance.bootstrap, "ignore": false, "deployment": null,
    }))
}

async fn job_state(job: &Job, instance: &Instance) -> Result<Option<String>> {
    let Some(vm) = &instance.vm else { return Ok(None) };
    match Agent::of(job, instance, vm)?.get_state(job.config.intervals.agent_state()).await {
        Ok(vm) => Ok(Some(vm.job_state)),
        Err(error) if error.kind == Kind::RpcTimeout => Ok(Some("unresponsive agent".to_owned())),
        Err(error) => Err(error),
    }
}
