//! `/deployments`: deploying, its diff, and everything that is done to one deployment.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Path, Query, State};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::inventory::version;
use super::{Answer, Api, Client};
use crate::director::clock;
use crate::director::deploy;
use crate::director::diff;
use crate::director::error::{Error, Result};
use crate::director::jobs::{Work, cloud_check, delete, instance, logs, ssh, vm_state};
use crate::director::log::Logger;
use crate::director::manifest::{Manifest, mapping};
use crate::director::store::deployments::{self, Deployment};
use crate::director::store::instances::{self, Instance};
use crate::director::store::{configs, locks};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/deployments", get(list).post(deploy))
        .route("/deployments/{name}", get(manifest).delete(remove))
        .route("/deployments/{name}/diff", post(changes))
        .route("/deployments/{name}/vms", get(vms))
        .route("/deployments/{name}/instances", get(all_instances))
        .route("/deployments/{name}/scans", post(scan))
        .route("/deployments/{name}/problems", get(problems).put(fix))
        .route("/deployments/{name}/jobs/{job}", put(change_group))
        .route("/deployments/{name}/jobs/{job}/{id}", put(change_one))
        .route("/deployments/{name}/instance_groups/{group}/{id}/actions/{action}", post(act))
        .route("/deployments/{name}/errands", get(errands))
        .route("/deployments/{name}/ssh", post(set_up_ssh))
        .route("/deployments/{name}/jobs/{job}/{id}/logs", get(fetch_logs))
        .route("/deployments/{name}/variables", get(none))
}

type Asked = Query<HashMap<String, String>>;

async fn none() -> Answer {
    Ok(super::json(&json!([])))
}

fn is_set(asked: &HashMap<String, String>, name: &str) -> bool {
    asked.get(name).is_some_and(|value| value == "true")
}

async fn find(api: &Api, name: &str) -> Result<Deployment> {
    deployments::find(&api.config().db, &Logger::nowhere(), name).await
}

async fn list(State(api): State<Api>, Query(asked): Asked) -> Answer {
    let config = api.config();
    let locked = locks::locked_deployments(&config.db, config.clock.now()).await?;
    let latest: Vec<_> =
        configs::list(&config.db, Some("cloud"), None, false).await?.iter().map(|row| row.id).collect();
    let mut shown = Vec::new();
    for deployment in deployments::list(&config.db).await? {
        let manifest = deployment.manifest.as_deref().and_then(|text| mapping(text).ok()).unwrap_or_default();
        let mut one = json!({
            "name": deployment.name, "teams": [], "stemcells": versions(&manifest["stemcells"], "os"),
            "releases": versions(&manifest["releases"], "name"), "locked": locked.contains(&deployment.name),
        });
        if !is_set(&asked, "exclude_configs") {
            let own = deployments::configs(&config.db, deployment.id).await?;
            let age = if own == latest { "latest" } else { "outdated" };
            one["cloud_config"] = json!(if own.is_empty() { "none" } else { age });
        }
        shown.push(one);
    }
    Ok(super::json(&Value::Array(shown)))
}

/// Name and version of each.
fn versions(list: &Value, key: &str) -> Value {
    let one = |item: &Value| json!({"name": item["name"].as_str().or(item[key].as_str()), "version": version(item)});
    list.as_array().into_iter().flatten().map(one).collect()
}

async fn manifest(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    Ok(super::json(&json!({"manifest": find(&api, &name).await?.manifest})))
}

async fn deploy(State(api): State<Api>, Query(asked): Asked, client: Client, manifest: String) -> Answer {
    let parsed = mapping(&manifest)?;
    let name = parsed["name"].as_str();
    let name = name.ok_or_else(|| Error::bad(40001, "Deployment manifest must have a 'name' key"))?;
    let cloud_configs = match asked.get("context") {
        Some(context) => {
            let context: Value = serde_json::from_str(context)
                .map_err(|error| Error::bad(440_011, format!("Invalid context '{context}': {error}")))?;
            serde_json::from_value(context["cloud_config_ids"].clone()).unwrap_or_default()
        }
        None => latest_clouds(&api).await?,
    };
    let new = deployments::find_or_create(&api.config().db, name).await?;
    let order = deploy::Order {
        deployment: name.to_owned(),
        cloud_configs,
        deploy: true,
        new,
        fix: is_set(&asked, "fix"),
        recreate: is_set(&asked, "recreate"),
        dry_run: is_set(&asked, "dry_run"),
        states: BTreeMap::new(),
        manifest,
    };
    api.start(&client, &Work::UpdateDeployment(order)).await
}

async fn latest_clouds(api: &Api) -> Result<Vec<i64>> {
    let rows = configs::list(&api.config().db, Some("cloud"), None, false).await?;
    let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The diff, and which configs it was made with: the deploy is given them back as its context.
async fn changes(State(api): State<Api>, Path(name): Path<String>, Query(asked): Asked, body: String) -> Answer {
    let after = match mapping(&body) {
        Ok(after) => after,
        // The real one answers 200 here, whatever goes wrong: the deploy that follows will tell.
        Err(error) => {
            let told = format!("Unable to diff manifest: #<Bosh::Director::BadManifest: {error}>");
            return Ok(super::json(&json!({"diff": [], "error": told})));
        }
    };
    let old = find(&api, &name).await.ok();
    let before = old.as_ref().and_then(|old| old.manifest.as_deref()).and_then(|text| mapping(text).ok());
    let ids = latest_clouds(&api).await?;
    let with_clouds = |mut manifest: Value, rows: &[configs::ConfigRow]| {
        for row in rows {
            if let (Some(all), Ok(Value::Object(cloud))) = (manifest.as_object_mut(), mapping(&row.content)) {
                all.extend(cloud);
            }
        }
        manifest
    };
    let (db, log) = (&api.config().db, Logger::nowhere());
    let own = match &old {
        Some(old) => configs::by_ids(db, &log, &deployments::configs(db, old.id).await?).await?,
        None => Vec::new(),
    };
    let before = with_clouds(before.unwrap_or_else(|| json!({})), &own);
    let after = with_clouds(after, &configs::by_ids(db, &log, &ids).await?);
    let redact = asked.get("redact").is_none_or(|redact| redact != "false");
    Ok(super::json(&json!({
        "context": {"cloud_config_ids": ids, "runtime_config_ids": []},
        "diff": diff::shown(&before, &after, redact),
    })))
}

async fn remove(State(api): State<Api>, Path(name): Path<String>, Query(asked): Asked, client: Client) -> Answer {
    find(&api, &name).await?;
    let order = delete::Order { deployment: name, force: is_set(&asked, "force") };
    api.start(&client, &Work::DeleteDeployment(order)).await
}

async fn vms(api: State<Api>, name: Path<String>, asked: Asked, client: Client) -> Answer {
    states(api, name, asked, client, false).await
}

async fn all_instances(api: State<Api>, name: Path<String>, asked: Asked, client: Client) -> Answer {
    states(api, name, asked, client, true).await
}

async fn states(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(asked): Asked,
    client: Client,
    without_vm: bool,
) -> Answer {
    let deployment = find(&api, &name).await?;
    if asked.get("format").is_some_and(|format| format == "full") {
        let order = vm_state::Order { deployment: name, deployment_id: deployment.id, without_vm };
        return api.start(&client, &Work::VmState(order)).await;
    }
    let there = instances::list(&api.config().db, &Logger::nowhere(), deployment.id).await?;
    let wanted = there.iter().filter(|instance| without_vm || instance.vm.is_some());
    Ok(super::json(&wanted.map(|instance| short(instance, without_vm)).collect()))
}

fn short(instance: &Instance, expected: bool) -> Value {
    let vm = instance.vm.as_ref();
    let ips: Vec<_> = instance.ip.iter().map(|(ip, _)| ip).collect();
    let mut shown = json!({
        "agent_id": vm.map(|vm| &vm.agent_id), "cid": vm.map(|vm| &vm.cid), "job": instance.job,
        "index": instance.index, "id": instance.uuid, "az": instance.az, "ips": ips,
        "vm_created_at": vm.and_then(|vm| vm.created_at).map(clock::iso),
    });
    if expected {
        shown["expects_vm"] = json!(instance.state != "detached");
    }
    shown
}

async fn scan(State(api): State<Api>, Path(name): Path<String>, client: Client) -> Answer {
    find(&api, &name).await?;
    api.start(&client, &Work::Scan(cloud_check::ScanOrder { deployment: name })).await
}

async fn problems(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let deployment = find(&api, &name).await?;
    let found = cloud_check::problems(&api.config().db, &Logger::nowhere(), deployment.id).await?;
    Ok(super::json(&found.iter().map(cloud_check::Problem::shown).collect()))
}

async fn fix(State(api): State<Api>, Path(name): Path<String>, client: Client, Json(asked): Json<Value>) -> Answer {
    find(&api, &name).await?;
    let resolutions = serde_json::from_value(asked["resolutions"].clone())
        .map_err(|_| Error::bad(410_003, "Invalid format for resolutions. Expected a hash of problem ids to names"))?;
    api.start(&client, &Work::ApplyResolutions(cloud_check::FixOrder { deployment: name, resolutions })).await
}

async fn change_group(
    State(api): State<Api>,
    Path((name, group)): Path<(String, String)>,
    Query(asked): Asked,
    client: Client,
    body: String,
) -> Answer {
    change(&api, &client, &name, group, &asked, body).await
}

async fn change_one(
    State(api): State<Api>,
    Path((name, group, id)): Path<(String, String, String)>,
    Query(asked): Asked,
    client: Client,
    body: String,
) -> Answer {
    let instance = one(&api, &name, &group, &id).await?;
    change(&api, &client, &name, instance.name(), &asked, body).await
}

/// A converge to another state is a deploy of the manifest that is there, by the configs that it was deployed by.
async fn change(
    api: &Api,
    client: &Client,
    name: &str,
    which: String,
    asked: &HashMap<String, String>,
    body: String,
) -> Answer {
    let deployment = find(api, name).await?;
    let state = asked.get("state").map(String::as_str).unwrap_or_default();
    if !["started", "stopped", "detached", "restart", "recreate"].contains(&state) {
        return Err(Error::bad(140_008, format!("'{state}' is not a state that instances can be brought to")).into());
    }
    let (manifest, cloud_configs) = match body.is_empty() {
        true => (deployment.manifest, deployments::configs(&api.config().db, deployment.id).await?),
        false => {
            mapping(&body)?;
            (Some(body), latest_clouds(api).await?)
        }
    };
    let order = deploy::Order {
        deployment: name.to_owned(),
        // While the first deploy runs there is none; the task tells.
        manifest: manifest.unwrap_or_default(),
        cloud_configs,
        deploy: false,
        new: false,
        fix: is_set(asked, "fix"),
        recreate: false,
        dry_run: is_set(asked, "dry_run"),
        states: BTreeMap::from([(which, state.to_owned())]),
    };
    api.start(client, &Work::UpdateDeployment(order)).await
}

async fn one(api: &Api, name: &str, group: &str, id: &str) -> Result<Instance> {
    let deployment = find(api, name).await?;
    if id.parse::<u32>().is_err() && uuid::Uuid::parse_str(id).is_err() {
        return Err(Error::bad(70002, format!("Invalid instance index or id '{id}'")));
    }
    let there = instances::list(&api.config().db, &Logger::nowhere(), deployment.id).await?;
    let wanted =
        |instance: &Instance| instance.job == group && (instance.uuid == id || instance.index.to_string() == id);
    let missing = || Error::missing(70001, format!("'{name}/{group}/{id}' doesn't exist"));
    there.into_iter().find(wanted).ok_or_else(missing)
}

/// The groups that are errands, by the manifest that was deployed.
async fn errands(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let deployment = find(&api, &name).await?;
    let manifest = deployment.manifest.ok_or_else(|| no_manifest(&name))?;
    let groups = Manifest::parse(&manifest)?.instance_groups.into_iter();
    let errands = groups.filter(|group| group.lifecycle.as_deref() == Some("errand"));
    Ok(super::json(&errands.map(|group| json!({"name": group.name})).collect()))
}

fn no_manifest(name: &str) -> Error {
    Error::bad(440_001, format!("Deployment '{name}' has no manifest yet: no deploy of it has ended"))
}

async fn set_up_ssh(
    State(api): State<Api>,
    Path(name): Path<String>,
    client: Client,
    Json(asked): Json<Value>,
) -> Answer {
    find(&api, &name).await?;
    let mut asked = asked;
    asked["deployment_name"] = json!(name);
    let order: ssh::Order =
        serde_json::from_value(asked).map_err(|error| Error::bad(40_001, format!("Invalid ssh request: {error}")))?;
    api.start(&client, &Work::Ssh(order)).await
}

async fn fetch_logs(
    State(api): State<Api>,
    Path((name, group, id)): Path<(String, String, String)>,
    client: Client,
) -> Answer {
    let deployment = find(&api, &name).await?;
    let there = instances::list(&api.config().db, &Logger::nowhere(), deployment.id).await?;
    let of_group = there.into_iter().filter(|instance| group == "*" || instance.job == group);
    let with_vm = of_group.filter(|instance| instance.vm.is_some());
    let meant = with_vm.filter(|instance| id == "*" || instance.uuid == id || instance.index.to_string() == id);
    let instances: Vec<_> = meant.map(|instance| instance.id).collect();
    if instances.is_empty() {
        let told = format!("No appropriate instance with a VM was found in deployment '{name}'");
        return Err(Error::internal(told).into());
    }
    api.start(&client, &Work::FetchLogs(logs::Order { deployment: name, instances })).await
}

async fn act(
    State(api): State<Api>,
    Path((name, group, id, action)): Path<(String, String, String, String)>,
    Query(asked): Asked,
    client: Client,
) -> Answer {
    let unknown = || Error::missing(70001, format!("'{action}' is nothing that can be done to an instance"));
    let action = instance::Action::parse(&action).ok_or_else(unknown)?;
    let found = one(&api, &name, &group, &id).await?;
    let order = instance::Order { deployment: name, instance: found.id, action, hard: is_set(&asked, "hard") };
    api.start(&client, &Work::Instance(order)).await
}
