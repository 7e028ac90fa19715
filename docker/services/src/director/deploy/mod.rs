//! `update_deployment`: a deploy, and every stop, start and restart that converges.
//!
//! Its order is the report's: the lock, the link tables, the missing VMs (where task 100 hangs), the instances.

pub mod disk;
mod plan;
pub mod vm;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use plan::{Plan, Planned};

use self::disk::Disks;
use super::agent::Agent;
use super::cloud::CloudConfig;
use super::db::lit;
use super::error::{Error, Result};
use super::event::Stage;
use super::held::with_deployment_lock;
use super::job::Job;
use super::manifest::Manifest;
use super::store::configs;
use super::store::deployments::{self, Deployment};
use super::store::events::Event;
use super::store::instances::{self, Instance};
use super::store::links::{Owner, Side};

/// What a deploy is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The deployment.
    pub deployment: String,
    /// The manifest, as text.
    pub manifest: String,
    /// The cloud-configs that the client saw.
    pub cloud_configs: Vec<i64>,
    /// Whether it is a deploy: links are written, the manifest is kept.
    pub deploy: bool,
    /// Whether the deployment was made for it.
    pub new: bool,
    /// Whether instances whose agents don't answer are made anew.
    pub fix: bool,
    /// Whether every VM is made anew.
    pub recreate: bool,
    /// Plans only.
    pub dry_run: bool,
    /// The states that instances are to come to: by `*`, `web`, `web/0` or `web/<uuid>`.
    pub states: BTreeMap<String, String>,
}

impl Order {
    /// The state that is asked of the instance, if any.
    pub fn state_for(&self, instance: &Instance) -> Option<&str> {
        let Instance { job, index, uuid, .. } = instance;
        let names = [format!("{job}/{index}"), format!("{job}/{uuid}"), job.clone(), "*".to_owned()];
        names.iter().find_map(|name| self.states.get(name)).map(String::as_str)
    }
}

/// Does it; the result is the deployment's path.
///
/// # Errors
/// Whatever ends the task other than done.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    if order.manifest.is_empty() {
        return Err(Error::bad(440_001, "No successful BOSH deployment manifest available"));
    }
    job.log.info("Reading deployment manifest");
    job.log.debug(format!("Manifest:\n{}", order.manifest));
    let cloud = cloud_config(job, &order.cloud_configs).await?;
    let name = order.deployment.clone();
    let timeout = job.config.intervals.seconds(10.0);
    let done = with_deployment_lock(job, &name, timeout, under_lock(job, &order, &cloud)).await;
    if let Err(error) = &done {
        events(job, &order, Some(&error.message)).await?;
    }
    done.map(|()| format!("/deployments/{name}"))
}

/// That the deploy began, and that it ended: the real director writes both when it ends \[S\].
async fn events(job: &Job, order: &Order, error: Option<&str>) -> Result<()> {
    let parent = event(job, order, None, None).await?;
    event(job, order, Some(parent), error).await.map(drop)
}

/// All cloud-configs of those numbers, as one.
async fn cloud_config(job: &Job, ids: &[i64]) -> Result<CloudConfig> {
    let rows = configs::by_ids(&job.config.db, &job.log, ids).await?;
    if rows.is_empty() {
        job.log.debug("No cloud config uploaded yet.");
        return Ok(CloudConfig::default());
    }
    let contents: Vec<_> = rows.iter().map(|row| row.content.as_str()).collect();
    job.log.debug(format!("Cloud config:\n{}", contents.join("\n")));
    CloudConfig::merged(&contents)
}

/// What a VM of the deployment as it is now is made by: its groups, and the cloud-configs that it was deployed by.
///
/// # Errors
/// The manifest's, the cloud-configs', or the database's.
pub async fn plan_of(job: &Job, deployment: Deployment) -> Result<(Plan, CloudConfig)> {
    let groups = Manifest::parse(deployment.manifest.as_deref().unwrap_or("name: none"))?.instance_groups;
    let cloud = cloud_config(job, &deployments::configs(&job.config.db, deployment.id).await?).await?;
    Ok((Plan { deployment, groups, desired: Vec::new(), obsolete: Vec::new() }, cloud))
}

async fn event(job: &Job, order: &Order, parent: Option<i64>, error: Option<&str>) -> Result<i64> {
    let (action, name) = (if order.new { "create" } else { "update" }, Some(order.deployment.as_str()));
    let object_type = "deployment";
    job.event(Event { parent, action, object_type, object_name: name, deployment: name, error, ..Event::default() })
        .await
}

async fn under_lock(job: &Job, order: &Order, cloud: &CloudConfig) -> Result<()> {
    let manifest = Manifest::parse(&order.manifest)?;
    let stage = job.events.stage("Preparing deployment", &[], 1);
    let prepared = stage.track(&job.log, "Preparing deployment", prepare(job, order, &manifest, cloud));
    let plan = prepared.await?;
    if order.dry_run {
        return Ok(());
    }
    job.checkpoint().await?;
    delete_obsolete(job, &plan).await?;
    vm::create_missing(job, order, &plan, cloud).await?;
    job.checkpoint().await?;
    update_all(job, order, &plan, cloud).await?;
    if order.deploy {
        let (db, log) = (&job.config.db, &job.log);
        deployments::deployed(db, log, plan.deployment.id, &order.manifest, &order.cloud_configs).await?;
    }
    job.log.info("Finished updating deployment");
    events(job, order, None).await
}

/// Everything before the first VM: the plan, and the link writes that are the last thing the report's log says.
async fn prepare(job: &Job, order: &Order, manifest: &Manifest, cloud: &CloudConfig) -> Result<Plan> {
    let (db, log, now) = (&job.config.db, &job.log, job.config.clock.now());
    manifest.validate(cloud)?;
    let deployment = deployments::find(db, log, &order.deployment).await?;
    let mut plan = Plan::make(job, manifest, cloud, deployment).await?;
    states_of_the_living(job, order, &mut plan).await?;
    if order.deploy {
        let serial = deployments::next_links(db, log, &plan.deployment).await?;
        let owner = Owner { db, log, deployment: plan.deployment.id, serial, now };
        write_links(&owner, manifest).await?;
    }
    Ok(plan)
}

async fn write_links(owner: &Owner<'_>, manifest: &Manifest) -> Result<()> {
    for provider in manifest.linked(|job| &job.provides) {
        owner.insert(Side::Provider, &provider).await?;
        owner.update(Side::Provider, &provider).await?;
    }
    let consumers = manifest.linked(|job| &job.consumes);
    for consumer in &consumers {
        owner.insert(Side::Consumer, consumer).await?;
    }
    owner.resolve().await?;
    for consumer in &consumers {
        owner.update(Side::Consumer, consumer).await?;
    }
    Ok(())
}

/// Asks the agents of the VMs that are there: one that stays silent ends the deploy, unless it may be fixed.
async fn states_of_the_living(job: &Job, order: &Order, plan: &mut Plan) -> Result<()> {
    for planned in plan.desired.iter_mut().filter(|planned| !planned.recreate) {
        let Some(vm) = &planned.instance.vm else { continue };
        let agent = Agent::of(job, &planned.instance, vm)?;
        match agent.get_state(job.config.intervals.agent_message()).await {
            Ok(_) => {}
            Err(error) if order.fix => {
                job.log.error(format!("{error}; its VM is made anew"));
                planned.recreate = true;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn delete_obsolete(job: &Job, plan: &Plan) -> Result<()> {
    let stage = job.events.stage("Deleting unneeded instances", &[], plan.obsolete.len());
    for instance in &plan.obsolete {
        stage.track(&job.log, &instance.label(), vm::delete_instance(job, &plan.deployment.name, instance)).await?;
        job.checkpoint().await?;
    }
    Ok(())
}

/// Updates what differs from what it should be, group by group, one instance after the other.
async fn update_all(job: &Job, order: &Order, plan: &Plan, cloud: &CloudConfig) -> Result<()> {
    let (db, log) = (&job.config.db, &job.log);
    let now_there = instances::list(db, log, plan.deployment.id).await?;
    for group in &plan.groups {
        let spec = group.spec();
        let mut changed = Vec::new();
        for instance in now_there.iter().filter(|instance| instance.job == group.name) {
            if plan.makes(instance)
                || !instance.updated
                || instance.spec != spec
                || order.state_for(instance).is_some()
                || order.recreate
            {
                changed.push(instance);
            }
        }
        let stage = job.events.stage("Updating instance", &[&group.name], changed.len());
        for (position, instance) in changed.into_iter().enumerate() {
            let canary = if position == 0 { " (canary)" } else { "" };
            let label = format!("{}{canary}", instance.label());
            let thread = format!("instance_update({})", instance.label());
            let update = Update { job: &job.in_thread(thread), order, plan, cloud, spec: &spec };
            update.run(&stage, &label, instance).await?;
            job.checkpoint().await?;
        }
    }
    Ok(())
}

/// One instance's update.
struct Update<'a> {
    job: &'a Job,
    order: &'a Order,
    plan: &'a Plan,
    cloud: &'a CloudConfig,
    spec: &'a str,
}

impl Update<'_> {
    async fn run(&self, stage: &Stage, label: &str, instance: &Instance) -> Result<()> {
        let Self { job, plan, .. } = self;
        let (name, deployment) = (instance.name(), plan.deployment.name.as_str());
        let as_it_is = if instance.spec.is_empty() { "create" } else { "update" };
        let action = self.order.state_for(instance).map_or(as_it_is, verb);
        let event = |parent, error| Event {
            parent,
            action,
            object_type: "instance",
            object_name: Some(name.as_str()),
            deployment: Some(deployment),
            instance: Some(name.as_str()),
            error,
            ..Event::default()
        };
        let parent = job.event(event(None, None)).await?;
        let done = stage.track(&job.log, label, self.bring(instance)).await;
        let error = done.as_ref().err().map(|error: &Error| error.message.as_str());
        job.event(event(Some(parent), error)).await?;
        done
    }

    /// Brings the instance to the state that is asked of it, or to running as it was.
    async fn bring(&self, instance: &Instance) -> Result<()> {
        let Self { job, order, plan, cloud, spec } = self;
        let (db, log) = (&job.config.db, &job.log);
        let asked = order.state_for(instance);
        let anew = order.recreate || asked == Some("recreate");
        let state = match asked {
            Some("stopped") => "stopped",
            Some("detached") => "detached",
            Some(_) => "started",
            None => instance.state.as_str(),
        };
        instances::set(db, log, instance.id, &[("update_completed", "false".to_owned())]).await?;
        // On a VM that this deploy has made nothing runs yet.
        if let (Some(vm), false) = (&instance.vm, plan.makes(instance)) {
            let goes = anew || matches!(state, "stopped" | "detached");
            Agent::of(job, instance, vm)?.stop_jobs(if goes { "shutdown" } else { "update" }).await?;
        }
        let disks = Disks { job, deployment: &plan.deployment.name, instance };
        if let (Some(vm), true) = (&instance.vm, anew || state == "detached") {
            disks.detach_from(vm).await?;
            vm::delete(job, &plan.deployment.name, instance, &vm.cid).await?;
        }
        let vm = match &instance.vm {
            _ if state == "detached" => None,
            None if state == "stopped" && !anew => None,
            Some(vm) if !anew => Some(vm.clone()),
            _ => Some(vm::create(job, plan, instance, cloud).await?),
        };
        if let Some(vm) = &vm {
            let group = plan.groups.iter().find(|group| group.name == instance.job);
            disks.bring(vm, group.and_then(|group| group.disk(cloud)).as_ref()).await?;
        }
        if let (Some(vm), "started") = (&vm, state) {
            let agent = Agent::of(job, instance, vm)?;
            agent.tell("apply").await?;
            agent.set_jobs("running").await?;
        }
        let done = [("state", lit(state)), ("spec_json", lit(*spec)), ("update_completed", "true".to_owned())];
        instances::set(db, log, instance.id, &done).await
    }
}

fn verb(state: &str) -> &'static str {
    match state {
        "stopped" | "detached" => "stop",
        "started" => "start",
        "restart" => "restart",
        "recreate" => "recreate",
        _ => "update",
    }
}
