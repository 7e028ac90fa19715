//! `bosh cck`: a scan for VMs that are gone or silent, and the fix of what it found. The scan does not wait for the lock.
//!
//! It sees what the director knows: a VM that the CPI made for nobody has no row in `vms` and is no problem here \[M\].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::director::agent::Agent;
use crate::director::clock;
use crate::director::cpi::Cpi;
use crate::director::db::{Db, Row, lit};
use crate::director::deploy::{self, vm};
use crate::director::error::{Error, Kind, Result};
use crate::director::held::with_deployment_lock;
use crate::director::job::Job;
use crate::director::log::Logger;
use crate::director::store::instances::{self, Instance};
use crate::director::store::{deployments, disks};

/// What the scan is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScanOrder {
    /// The deployment.
    pub deployment: String,
}

/// What the fix is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FixOrder {
    /// The deployment.
    pub deployment: String,
    /// By problem number: the name of a resolution; null: the default one.
    pub resolutions: BTreeMap<String, Option<String>>,
}

/// A row of `deployment_problems`.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Its number.
    pub id: i64,
    /// `missing_vm` or `unresponsive_agent`.
    pub kind: String,
    /// The instance's number.
    pub instance: i64,
    /// What was seen.
    pub data: Value,
}

impl Problem {
    /// As `GET …/problems` shows it.
    pub fn shown(&self) -> Value {
        let resolutions: Vec<_> =
            self.resolutions().iter().map(|(name, plan)| json!({"name": name, "plan": plan})).collect();
        json!({"id": self.id, "type": self.kind, "data": {}, "description": self.description(),
            "resolutions": resolutions, "instance_group": self.data["job"]})
    }

    /// As it is told.
    fn description(&self) -> String {
        let text = |key: &str| self.data[key].as_str().unwrap_or_default();
        let (label, cid) = (text("label"), text("cid"));
        match self.kind.as_str() {
            "missing_vm" if cid.is_empty() => format!("VM for '{label}' missing."),
            "missing_vm" => format!("VM for '{label}' with cloud ID '{cid}' missing."),
            _ => format!("VM for '{label}' with cloud ID '{cid}' is not responding."),
        }
    }

    /// What is done where nobody says what: a silent VM is left alone.
    fn auto_resolution(&self) -> &'static str {
        if self.kind == "missing_vm" { "recreate_vm_without_wait" } else { "ignore" }
    }

    fn resolutions(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind.as_str() {
            "missing_vm" => &[
                ("ignore", "Skip for now"),
                ("recreate_vm_without_wait", "Recreate VM without waiting for processes to start"),
                ("recreate_vm", "Recreate VM and wait for processes to start"),
                ("delete_vm_reference", "Delete VM reference"),
            ],
            _ => &[
                ("ignore", "Skip for now"),
                ("reboot_vm", "Reboot VM"),
                ("recreate_vm_without_wait", "Recreate VM without waiting for processes to start"),
                ("recreate_vm", "Recreate VM and wait for processes to start"),
                ("delete_vm", "Delete VM"),
                (
                    "delete_vm_reference",
                    "Delete VM reference (forceful; may need to manually delete VM from the Cloud to avoid IP conflicts)",
                ),
            ],
        }
    }
}

/// The open problems of a deployment.
///
/// # Errors
/// The database's.
pub async fn problems(db: &Db, log: &Logger, deployment: i64) -> Result<Vec<Problem>> {
    let sql = format!(
        r#"SELECT * FROM "deployment_problems" WHERE (("deployment_id" = {deployment}) AND ("state" = 'open')) ORDER BY "id""#
    );
    Ok(db.query(log, &sql).await?.iter().map(problem).collect())
}

fn problem(row: &Row) -> Problem {
    let data = serde_json::from_str(&row.string("data_json")).unwrap_or_default();
    Problem { id: row.number("id"), kind: row.string("type"), instance: row.number("resource_id"), data }
}

/// Looks for problems and notes them.
///
/// # Errors
/// That the deployment is locked; the CPI's; the database's.
pub async fn scan(job: &Job, order: ScanOrder) -> Result<String> {
    let nothing = std::time::Duration::ZERO;
    let done = with_deployment_lock(job, &order.deployment, nothing, scan_vms(job, &order)).await;
    done.map_err(|error| match error.kind {
        Kind::LockTimeout => {
            Error::lock("Unable to get deployment lock, maybe a deployment is in progress. Try again later.")
        }
        _ => error,
    })
}

async fn scan_vms(job: &Job, order: &ScanOrder) -> Result<String> {
    let (db, log) = (&job.config.db, &job.log);
    let deployment = deployments::find(db, log, &order.deployment).await?;
    let closed = format!(
        r#"UPDATE "deployment_problems" SET "state" = 'closed' WHERE (("deployment_id" = {}) AND ("state" = 'open'))"#,
        deployment.id
    );
    db.execute(log, &closed).await?;
    let there = instances::list(db, log, deployment.id).await?;
    let wanted: Vec<_> = there.iter().filter(|instance| instance.state != "detached").collect();
    let stage = job.events.stage(&format!("Scanning {} VMs", wanted.len()), &[], 2);
    let check = async {
        let found = futures_util::future::join_all(wanted.iter().map(|instance| seen(job, instance))).await;
        for (instance, kind) in wanted.iter().zip(found) {
            if let Some(kind) = kind? {
                note(job, deployment.id, instance, kind).await?;
            }
        }
        problems(db, log, deployment.id).await
    };
    let found = stage.track(log, "Checking VM states", check).await?;
    let count = |kind: &str| found.iter().filter(|problem| problem.kind == kind).count();
    let (silent, missing) = (count("unresponsive_agent"), count("missing_vm"));
    let ok = wanted.len() - found.len();
    let summary = format!("{ok} OK, {silent} unresponsive, {missing} missing, 0 unbound");
    stage.track(log, &summary, job.checkpoint()).await?;
    let disks =
        futures_util::future::try_join_all(there.iter().map(|instance| disks::of(db, log, instance.id))).await?;
    let disks = disks.into_iter().flatten().count();
    let stage = job.events.stage(&format!("Scanning {disks} persistent disks"), &[], 2);
    stage.track(log, "Looking for inactive disks", job.checkpoint()).await?;
    let summary = format!("{disks} OK, 0 missing, 0 inactive, 0 mount-info mismatch");
    stage.track(log, &summary, job.checkpoint()).await?;
    Ok("scan complete".to_owned())
}

async fn seen(job: &Job, instance: &Instance) -> Result<Option<&'static str>> {
    let Some(vm) = &instance.vm else { return Ok(Some("missing_vm")) };
    match Agent::of(job, instance, vm)?.get_state_once(job.config.intervals.agent_scan()).await {
        Ok(_) => Ok(None),
        Err(error) if error.kind == Kind::RpcTimeout => {
            let there = Cpi { job }.call("has_vm", json!([vm.cid])).await?;
            Ok(Some(if there == json!(false) { "missing_vm" } else { "unresponsive_agent" }))
        }
        Err(error) => Err(error),
    }
}

async fn note(job: &Job, deployment: i64, instance: &Instance, kind: &str) -> Result<()> {
    let cid = instance.vm.as_ref().map(|vm| vm.cid.as_str());
    let data = json!({"label": instance.label(), "cid": cid, "job": instance.job}).to_string();
    let now = clock::sql(job.config.clock.now());
    let sql = format!(
        r#"INSERT INTO "deployment_problems" ("deployment_id", "resource_id", "type", "data_json", "state", "created_at", "last_seen_at") VALUES ({deployment}, {}, {}, {}, 'open', {now}, {now}) RETURNING "id""#,
        instance.id,
        lit(kind),
        lit(data.as_str())
    );
    job.config.db.save(&job.log, &sql).await.map(drop)
}

/// Fixes the problems as told, once it has the lock, which it waits for as a deploy does.
///
/// # Errors
/// That the deployment is locked; what could not be resolved; the database's.
pub async fn fix(job: &Job, order: FixOrder) -> Result<String> {
    let timeout = job.config.intervals.seconds(10.0);
    with_deployment_lock(job, &order.deployment, timeout, apply(job, &order)).await
}

async fn apply(job: &Job, order: &FixOrder) -> Result<String> {
    let (db, log) = (&job.config.db, &job.log);
    let deployment = deployments::find(db, log, &order.deployment).await?;
    let asked: Vec<_> = problems(db, log, deployment.id).await?;
    let asked: Vec<_> =
        asked.into_iter().filter(|problem| order.resolutions.contains_key(&problem.id.to_string())).collect();
    let stage = job.events.stage("Applying problem resolutions", &[], asked.len());
    let mut errors = Vec::new();
    for problem in &asked {
        let wanted = order.resolutions.get(&problem.id.to_string()).cloned().flatten();
        let resolution = wanted.unwrap_or_else(|| problem.auto_resolution().to_owned());
        let plan = problem.resolutions().iter().find(|(name, _)| *name == resolution).map(|(_, plan)| *plan);
        let (told, kind, instance) = (problem.description(), &problem.kind, problem.instance);
        let title = format!("{told} ({kind} {instance}): {}", plan.unwrap_or("no resolution"));
        match stage.track(log, &title, resolve(job, &order.deployment, problem, &resolution)).await {
            Ok(()) => {}
            Err(error) => {
                let told = format!("Error resolving problem '{}': {error}", problem.id);
                log.error(&told);
                errors.push(told);
                // Only what a handler itself says of it resolves it all the same.
                if error.kind != Kind::Director || error.code != 100 {
                    continue;
                }
            }
        }
        let sql = format!(r#"UPDATE "deployment_problems" SET "state" = 'resolved' WHERE ("id" = {})"#, problem.id);
        db.save(log, &sql).await?;
    }
    match errors.is_empty() {
        true => Ok(format!("{} resolved", asked.len())),
        false => Err(Error::bad(100, errors.join("\n"))),
    }
}

async fn resolve(job: &Job, name: &str, problem: &Problem, resolution: &str) -> Result<()> {
    let (db, log) = (&job.config.db, &job.log);
    let deployment = deployments::find(db, log, name).await?;
    let there = instances::list(db, log, deployment.id).await?;
    let Some(instance) = there.iter().find(|instance| instance.id == problem.instance) else { return Ok(()) };
    let cid = instance.vm.as_ref().map(|vm| vm.cid.as_str());
    if !problem.resolutions().iter().any(|(name, _)| *name == resolution) {
        let told = format!("Cannot find '{resolution}' resolution for '{}'", problem.kind);
        return Err(Error::bad(100, told));
    }
    // A VM that was silent may answer by now.
    if let (Some(vm), "unresponsive_agent", true) = (&instance.vm, problem.kind.as_str(), resolution != "ignore") {
        if Agent::of(job, instance, vm)?.answers().await? {
            return Err(Error::bad(100, "Agent is responding now, skipping resolution"));
        }
    }
    match (resolution, cid) {
        ("reboot_vm", Some(cid)) => Cpi { job }.call("reboot_vm", json!([cid])).await.map(drop),
        ("delete_vm", Some(cid)) => vm::delete(job, name, instance, cid).await,
        ("delete_vm_reference", Some(cid)) => instances::remove_vm(db, log, cid).await,
        ("recreate_vm" | "recreate_vm_without_wait", cid) => {
            if let Some(cid) = cid {
                vm::delete(job, name, instance, cid).await?;
            }
            recreate(job, deployment, instance).await
        }
        _ => Ok(()),
    }
}

async fn recreate(job: &Job, deployment: deployments::Deployment, instance: &Instance) -> Result<()> {
    let (plan, cloud) = deploy::plan_of(job, deployment).await?;
    let made = vm::create(job, &plan, instance, &cloud).await?;
    Agent::of(job, instance, &made)?.set_jobs("running").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_vm_is_made_anew_by_default_and_a_silent_one_left_alone() {
        for (kind, default) in [("missing_vm", "recreate_vm_without_wait"), ("unresponsive_agent", "ignore")] {
            let data = json!({"label": "web/u1 (0)", "cid": "vm-1", "job": "web"});
            let problem = Problem { id: 1, kind: kind.to_owned(), instance: 1, data };
            assert_eq!(problem.auto_resolution(), default);
            let shown = problem.shown();
            let names: Vec<_> = shown["resolutions"].as_array().into_iter().flatten().map(|one| &one["name"]).collect();
            assert!(names.contains(&&json!(default)) && names.contains(&&json!("recreate_vm")), "{shown}");
        }
    }
}
