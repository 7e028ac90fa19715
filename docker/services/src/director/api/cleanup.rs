//! `bosh clean-up`, and what it lists before: this director keeps nothing that no deployment names.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Answer, Api, Client, disks};
use crate::director::jobs::{Work, cleanup};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/cleanup", post(start)).route("/cleanup/dryrun", get(dry_run))
}

async fn start(State(api): State<Api>, client: Client, Json(asked): Json<Value>) -> Answer {
    let flag = |name: &str| asked["config"][name].as_bool().unwrap_or_default();
    let (remove_all, keep_orphaned_disks) = (flag("remove_all"), flag("keep_orphaned_disks"));
    api.start(&client, &Work::CleanupArtifacts(cleanup::Order { remove_all, keep_orphaned_disks })).await
}

async fn dry_run(State(api): State<Api>, Query(asked): Query<HashMap<String, String>>) -> Answer {
    let flag = |name: &str| asked.get(name).is_some_and(|value| value == "true");
    let goes = flag("remove_all") && !flag("keep_orphaned_disks");
    let orphans = if goes { disks::listed(&api).await? } else { Vec::new() };
    Ok(super::json(&json!({
        "releases": [], "stemcells": [], "compiled_packages": [], "orphaned_disks": orphans, "orphaned_vms": [],
        "exported_releases": [], "dns_blobs": [],
    })))
}
