//! What operators list: releases and stemcells, as the deployments name them, and what this director has none of.
//!
//! Nothing is uploaded to it: whatever a manifest names is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Answer, Api, Client};
use crate::director::error::Error;
use crate::director::jobs::Work;
use crate::director::jobs::upload::{self, Artifact};
use crate::director::manifest::mapping;
use crate::director::store::deployments;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/releases", get(releases).post(upload_release))
        .route("/releases/{name}", get(release))
        .route("/stemcells", get(stemcells).post(upload_stemcell))
        .route("/networks", get(networks))
        .route("/orphaned_vms", get(none))
        .route("/runtime_configs", get(none))
}

async fn none() -> Answer {
    Ok(super::json(&json!([])))
}

async fn upload_release(State(api): State<Api>, client: Client, Json(asked): Json<Value>) -> Answer {
    upload(&api, &client, Artifact::Release, &asked).await
}

async fn upload_stemcell(State(api): State<Api>, client: Client, Json(asked): Json<Value>) -> Answer {
    upload(&api, &client, Artifact::Stemcell, &asked).await
}

async fn upload(api: &Api, client: &Client, artifact: Artifact, asked: &Value) -> Answer {
    let missing = || Error::bad(40_001, format!("Required property 'location' was not specified in object ({asked})"));
    let location = asked["location"].as_str().ok_or_else(missing)?.to_owned();
    api.start(client, &Work::Upload(upload::Order { artifact, location })).await
}

async fn networks(Query(asked): Query<HashMap<String, String>>) -> Answer {
    match asked.get("orphaned").map(String::as_str) {
        None | Some("false") => {
            Ok((StatusCode::INTERNAL_SERVER_ERROR, "listing active networks is not implemented").into_response())
        }
        Some(_) => none().await,
    }
}

/// Each deployment's name and manifest.
async fn manifests(api: &Api) -> Answer<Vec<(String, Value)>> {
    let all = deployments::list(&api.config().db).await?.into_iter();
    let parsed = all.map(|one| (one.name, one.manifest.as_deref().and_then(|text| mapping(text).ok())));
    Ok(parsed.filter_map(|(name, manifest)| Some((name, manifest?))).collect())
}

/// The version that a manifest's entry stands for: of `latest` this director has the first.
pub(super) fn version(item: &Value) -> String {
    match &item["version"] {
        Value::String(text) if text != "latest" => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => "1.0".to_owned(),
    }
}

async fn releases(State(api): State<Api>) -> Answer {
    Ok(super::json(&listed_releases(&manifests(&api).await?)))
}

fn listed_releases(manifests: &[(String, Value)]) -> Value {
    let mut found: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (_, manifest) in manifests {
        for release in manifest["releases"].as_array().into_iter().flatten() {
            let Some(name) = release["name"].as_str() else { continue };
            let jobs = found.entry(name.to_owned()).or_default().entry(version(release)).or_default();
            let groups = manifest["instance_groups"].as_array().into_iter().flatten();
            let all = groups.flat_map(|group| group["jobs"].as_array().into_iter().flatten());
            let of_it = all.filter(|job| job["release"].as_str().is_none_or(|of| of == name));
            jobs.extend(of_it.filter_map(|job| job["name"].as_str().map(str::to_owned)));
        }
    }
    let release = |(name, versions): (String, BTreeMap<String, BTreeSet<String>>)| {
        let version = |(version, jobs)| {
            json!({"version": version, "commit_hash": "00000000", "uncommitted_changes": false,
                "currently_deployed": true, "job_names": jobs})
        };
        json!({"name": name, "release_versions": versions.into_iter().map(version).collect::<Vec<_>>()})
    };
    found.into_iter().map(release).collect()
}

async fn release(State(api): State<Api>, axum::extract::Path(name): axum::extract::Path<String>) -> Answer {
    let all = listed_releases(&manifests(&api).await?);
    let found = all.as_array().into_iter().flatten().find(|release| release["name"] == name.as_str());
    let missing = || Error::missing(30_005, format!("Release '{name}' doesn't exist"));
    let versions = found.ok_or_else(missing)?["release_versions"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = versions.iter().map(|version| &version["version"]).collect();
    let jobs = versions.iter().flat_map(|version| version["job_names"].as_array().into_iter().flatten());
    let jobs: Vec<_> = jobs.map(|job| json!({"name": job, "sha1": "", "version": "1", "packages": []})).collect();
    Ok(super::json(&json!({"packages": [], "jobs": jobs, "versions": names})))
}

async fn stemcells(State(api): State<Api>) -> Answer {
    Ok(super::json(&listed_stemcells(&manifests(&api).await?)))
}

fn listed_stemcells(manifests: &[(String, Value)]) -> Value {
    let mut found: BTreeMap<(String, String, String), Vec<Value>> = BTreeMap::new();
    for (deployment, manifest) in manifests {
        for stemcell in manifest["stemcells"].as_array().into_iter().flatten() {
            let text = |key: &str| stemcell[key].as_str().map(str::to_owned);
            let Some(os) = text("os").or_else(|| text("name")) else { continue };
            let name = text("name").unwrap_or_else(|| format!("bosh-docker-{os}-go_agent"));
            found.entry((name, os, version(stemcell))).or_default().push(json!({"name": deployment}));
        }
    }
    let stemcell = |(id, ((name, os, version), deployments))| {
        json!({"name": name, "operating_system": os, "version": version, "cid": "stemcell-0000", "cpi": "",
            "deployments": deployments, "api_version": 3, "id": id})
    };
    (1..).zip(found).map(stemcell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed() -> Vec<(String, Value)> {
        let manifest = |version: &str| {
            json!({"releases": [{"name": "cf", "version": version}], "instance_groups": [{"jobs": [{"name": "web"}]}],
                "stemcells": [{"alias": "default", "os": "ubuntu-jammy", "version": "1.83"}]})
        };
        vec![("paasta".to_owned(), manifest("5.6")), ("redis".to_owned(), manifest("5.7"))]
    }

    #[test]
    fn what_deployments_name_is_listed_once() {
        let releases = listed_releases(&deployed());
        assert_eq!(releases[0]["name"], "cf");
        let versions: Vec<_> = releases[0]["release_versions"].as_array().into_iter().flatten().collect();
        assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!("5.6"), &json!("5.7")));
        assert_eq!(versions[0]["job_names"], json!(["web"]));
        let stemcells = listed_stemcells(&deployed());
        assert_eq!(stemcells.as_array().map(Vec::len), Some(1));
        assert_eq!(stemcells[0]["deployments"], json!([{"name": "paasta"}, {"name": "redis"}]));
        assert_eq!(listed_releases(&[]), json!([]));
    }
}
