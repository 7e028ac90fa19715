//! `bosh disks --orphaned`, `attach-disk`, `orphan-disk` and `delete-disk`.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{delete, get, put};
use serde_json::{Value, json};

use super::{Answer, Api, Client};
use crate::director::clock;
use crate::director::error::{Error, Result};
use crate::director::jobs::Work;
use crate::director::jobs::disk::Order;
use crate::director::log::Logger;
use crate::director::store::{deployments, disks};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/disks", get(list))
        .route("/orphan_disks", get(list))
        .route("/disks/{cid}", delete(remove))
        .route("/disks/{cid}/attachments", put(attach))
}

async fn list(State(api): State<Api>) -> Answer {
    Ok(super::json(&Value::Array(listed(&api).await?)))
}

/// The orphaned disks, as the API has them.
pub(super) async fn listed(api: &Api) -> Result<Vec<Value>> {
    let all = disks::orphans(&api.config().db, &Logger::nowhere()).await?;
    let entry = |orphan: disks::Orphan| {
        let disk = orphan.disk;
        json!({"disk_cid": disk.cid, "size": disk.made_by.size, "az": orphan.az, "deployment_name": orphan.deployment,
            "instance_name": orphan.instance, "cloud_properties": disk.made_by.cloud_properties,
            "orphaned_at": orphan.at.map(|at| clock::iso(at).replace('T', " ").replace('Z', " UTC"))})
    };
    Ok(all.into_iter().map(entry).collect())
}

async fn remove(
    State(api): State<Api>,
    client: Client,
    Path(cid): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Answer {
    if asked.get("orphan").is_some_and(|orphan| orphan != "false") {
        return api.start(&client, &Work::Disk(Order::Orphan(cid))).await;
    }
    if disks::owner(&api.config().db, &Logger::nowhere(), &cid).await?.is_some() {
        return Err(Error::bad(520_000, format!("Deleting persistent disk is not supported: [{cid:?}]")).into());
    }
    api.start(&client, &Work::Disk(Order::Delete(vec![cid]))).await
}

async fn attach(
    State(api): State<Api>,
    client: Client,
    Path(disk): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Answer {
    let text = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let (deployment, group, instance) = (text("deployment"), text("job"), text("instance_id"));
    deployments::find(&api.config().db, &Logger::nowhere(), &deployment).await?;
    api.start(&client, &Work::Disk(Order::Attach { deployment, group, instance, disk })).await
}
