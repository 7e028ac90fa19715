//! Making and ending VMs: the CPI call that hangs, the wait for the agent, and what is cleaned up after either.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::disk::Disks;
use super::{Order, Plan, Planned};
use crate::director::agent::Agent;
use crate::director::cloud::CloudConfig;
use crate::director::config::{MAX_THREADS, MAX_VM_CREATE_TRIES, NAME};
use crate::director::cpi::Cpi;
use crate::director::error::{Error, Kind, Result};
use crate::director::event::Stage;
use crate::director::job::Job;
use crate::director::manifest::Group;
use crate::director::store::events::Event;
use crate::director::store::instances::{self, Instance, Vm};

/// Makes the VMs that are missing, 32 at a time, each in a thread of its own.
///
/// # Errors
/// The first that came up, once every other thread has ended: one that hangs holds the error back, too.
pub async fn create_missing(job: &Job, order: &Order, plan: &Plan, cloud: &CloudConfig) -> Result<()> {
    let missing: Vec<_> = plan.desired.iter().filter(|planned| is_missing(order, planned)).collect();
    if missing.is_empty() {
        job.log.info("No missing vms to create");
        return Ok(());
    }
    let total = missing.len();
    let stage = job.events.stage("Creating missing vms", &[], total);
    let (pool, first) = (Semaphore::new(MAX_THREADS), std::sync::Mutex::new(None));
    let threads = missing.into_iter().map(|planned| async {
        let Ok(_thread) = pool.acquire().await else { return };
        if first.lock().is_ok_and(|error| error.is_some()) {
            return;
        }
        if let Err(error) = missing_vm(job, &stage, plan, planned, cloud, total).await {
            if let Ok(mut first) = first.lock() {
                first.get_or_insert(error);
            }
        }
    });
    join_all(threads).await;
    first.into_inner().ok().flatten().map_or(Ok(()), Err)
}

fn is_missing(order: &Order, planned: &Planned) -> bool {
    let wanted = !matches!(order.state_for(&planned.instance), Some("detached" | "stopped"));
    planned.is_missing() && wanted
}

async fn missing_vm(
    job: &Job,
    stage: &Stage,
    plan: &Plan,
    planned: &Planned,
    cloud: &CloudConfig,
    total: usize,
) -> Result<()> {
    let instance = &planned.instance;
    let job = job.in_thread(format!("create_missing_vm({}/{total})", instance.label()));
    let step = async {
        if let Some(old) = &instance.vm {
            delete(&job, &plan.deployment.name, instance, &old.cid).await?;
        }
        job.log.info("Creating missing VM");
        create(&job, plan, instance, cloud).await
    };
    stage.track(&job.log, &instance.label(), step).await.map(drop)
}

/// Makes a VM for the instance, waits for its agent, and makes it the active one. If the agent can't be had, for
/// whatever reason (a cancel among them), the VM is ended again.
///
/// # Errors
/// The CPI's, the agent's, a cancel, or the database's.
pub async fn create(job: &Job, plan: &Plan, instance: &Instance, cloud: &CloudConfig) -> Result<Vm> {
    let (db, log) = (&job.config.db, &job.log);
    log.info("Creating VM");
    let (name, deployment) = (instance.name(), plan.deployment.name.as_str());
    let parent = job.event(vm_event(None, "create", None, &name, deployment, None)).await?;
    let agent_id = uuid::Uuid::new_v4().to_string();
    let made = call_create(job, plan, instance, cloud, &agent_id).await;
    let (cid, error) = match &made {
        Ok(cid) => (Some(cid.as_str()), None),
        Err(error) => (None, Some(error.message.as_str())),
    };
    job.event(vm_event(Some(parent), "create", cid, &name, deployment, error)).await?;
    let cid = made?;
    let vm = instances::add_vm(db, log, instance.id, &cid, &agent_id, job.config.clock.now()).await?;
    if let Err(error) = contact(job, instance, &vm, deployment).await {
        log.error(format!("Failed to create/contact VM {cid}: {error}"));
        delete(job, deployment, instance, &cid).await?;
        return Err(error);
    }
    instances::elect_vm(db, log, instance.id, vm.id).await?;
    Disks { job, deployment, instance }.attach_to(&vm).await?;
    Ok(vm)
}

/// The call itself: a failure that the CPI calls retryable is tried five times, with no look at a cancel between \[M\].
async fn call_create(job: &Job, plan: &Plan, instance: &Instance, cloud: &CloudConfig, agent: &str) -> Result<String> {
    let arguments = create_arguments(plan, instance, cloud, agent);
    let mut tries = 0;
    loop {
        let made = Cpi { job }.call("create_vm", arguments.clone()).await;
        match made {
            Ok(vm) => return Ok(vm[0].as_str().or(vm.as_str()).unwrap_or_default().to_owned()),
            Err(Error { kind: Kind::Cpi { class, retry }, message, code, status })
                if class == "Bosh::Clouds::VMCreationFailed" =>
            {
                tries += 1;
                job.log.error(format!("failed to create VM, retrying ({tries})"));
                if !retry || tries >= MAX_VM_CREATE_TRIES {
                    job.log.error(format!("error creating vm: {message}"));
                    return Err(Error { kind: Kind::Cpi { class, retry }, message, code, status });
                }
            }
            Err(error) => return Err(error),
        }
    }
}

fn create_arguments(plan: &Plan, instance: &Instance, cloud: &CloudConfig, agent: &str) -> Value {
    let group = plan.groups.iter().find(|group| group.name == instance.job);
    let properties = cloud.vm_properties(group.and_then(|group| group.vm_type.as_deref()), &instance.az);
    let deployment = &plan.deployment.name;
    let job = &instance.job;
    let bosh = json!({
        "group": format!("{NAME}-{deployment}-{job}"),
        "groups": [NAME, deployment, job, format!("{NAME}-{deployment}"), format!("{deployment}-{job}"),
            format!("{NAME}-{deployment}-{job}")],
        "tags": {"deployment": deployment, "instance": instance.name(), "index": instance.index, "az": instance.az},
        "mbus": {"urls": []},
    });
    let named = group.map(Group::network).unwrap_or_default();
    json!([agent, "stemcell-0000", properties, networks(instance, named, cloud), [], {"bosh": bosh}])
}

fn networks(instance: &Instance, named: &str, cloud: &CloudConfig) -> Value {
    if let Some(network) = cloud.network(named).filter(|network| network.is_dynamic()) {
        let subnet = cloud.subnet(named, &instance.az);
        let properties = subnet.map_or(&network.cloud_properties, |subnet| &subnet.cloud_properties);
        return json!({named: {"type": "dynamic", "default": ["dns", "gateway"], "cloud_properties": properties}});
    }
    let Some((ip, network)) = &instance.ip else { return json!({}) };
    let subnet = cloud.subnet(network, &instance.az).or_else(|| cloud.network(network)?.subnets.first());
    let Some(subnet) = subnet else { return json!({}) };
    json!({network: {
        "type": "manual", "ip": ip, "netmask": subnet.range.netmask(), "gateway": subnet.gateway,
        "default": ["dns", "gateway"], "dns": subnet.dns, "cloud_properties": subnet.cloud_properties,
    }})
}

async fn contact(job: &Job, instance: &Instance, vm: &Vm, deployment: &str) -> Result<()> {
    let metadata = json!({"deployment": deployment, "job": instance.job, "index": instance.index.to_string(),
        "id": instance.uuid, "name": instance.name(), "director": NAME});
    Cpi { job }.call("set_vm_metadata", json!([vm.cid, metadata])).await?;
    let agent = Agent::of(job, instance, vm)?;
    agent.wait_until_ready().await?;
    agent.tell("update_settings").await?;
    agent.tell("prepare").await
}

/// Ends a VM and forgets it.
///
/// # Errors
/// The CPI's or the database's.
pub async fn delete(job: &Job, deployment: &str, instance: &Instance, cid: &str) -> Result<()> {
    let name = instance.name();
    job.log.info("Deleting VM");
    let parent = job.event(vm_event(None, "delete", Some(cid), &name, deployment, None)).await?;
    let deleted = Cpi { job }.call("delete_vm", json!([cid])).await;
    let error = deleted.as_ref().err().map(|error| error.message.as_str());
    job.event(vm_event(Some(parent), "delete", Some(cid), &name, deployment, error)).await?;
    deleted?;
    instances::remove_vm(&job.config.db, &job.log, cid).await
}

/// Ends an instance: its VM, its address, its row. Its disk is kept, as an orphan.
///
/// # Errors
/// The CPI's or the database's.
pub async fn delete_instance(job: &Job, deployment: &str, instance: &Instance) -> Result<()> {
    if let Some(vm) = &instance.vm {
        delete(job, deployment, instance, &vm.cid).await?;
    }
    Disks { job, deployment, instance }.orphan_active().await?;
    instances::delete(&job.config.db, &job.log, instance.id).await
}

fn vm_event<'a>(
    parent: Option<i64>,
    action: &'a str,
    cid: Option<&'a str>,
    instance: &'a str,
    deployment: &'a str,
    error: Option<&'a str>,
) -> Event<'a> {
    let (object_type, object_name) = ("vm", cid);
    let (instance, deployment) = (Some(instance), Some(deployment));
    Event { parent, action, object_type, object_name, deployment, instance, error, ..Event::default() }
}
