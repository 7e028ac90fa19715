//! What the BBS answers, on a port that is open while it leads. As the real one did, it
//! answers 200 and says in the body what failed; and it says that it is there whether or
//! not it can read anything.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{Bbs, LOG, store::Refusal};
use crate::diego::{
    etcd::Failure,
    model::{ActualLrp, DesiredLrp, RunInfo, Task, is_name},
};

type Shared = State<Arc<Bbs>>;

#[derive(Deserialize)]
struct Desire {
    desired_lrp: DesiredLrp,
    #[serde(default)]
    run_info: RunInfo,
}

#[derive(Deserialize)]
struct Update {
    process_guid: String,
    instances: u32,
    #[serde(default)]
    annotation: String,
}

#[derive(Deserialize)]
struct Named {
    process_guid: String,
}

#[derive(Deserialize)]
struct Instance {
    process_guid: String,
    index: u32,
}

#[derive(Deserialize)]
struct Freshness {
    domain: String,
    /// In seconds, before scaling; 0: for ever.
    #[serde(default)]
    ttl: u64,
}

/// An error as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Told {
    r#type: &'static str,
    message: &'static str,
}

/// The routes. Until `ready`, each answers 503.
pub(super) fn routes(bbs: Arc<Bbs>, ready: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/v1/ping", post(|| async { Json(json!({ "available": true })) }))
        .route("/v1/domains/list", post(domains))
        .route("/v1/domains/upsert", post(refresh))
        .route("/v1/desired_lrps/list", post(desires))
        .route("/v1/desired_lrp/desire", post(desire))
        .route("/v1/desired_lrp/update", post(update))
        .route("/v1/desired_lrp/remove", post(undesire))
        .route("/v1/actual_lrps/list", post(actuals))
        .route("/v1/actual_lrps/claim", post(take))
        .route("/v1/actual_lrps/start", post(take))
        .route("/v1/actual_lrps/remove", post(remove_actual))
        .route("/v1/tasks/list", post(tasks))
        .route("/v1/tasks/desire", post(desire_task))
        .with_state(bbs)
        .layer(from_fn_with_state(ready, unless_migrating))
}

async fn unless_migrating(State(ready): State<watch::Receiver<bool>>, request: Request, next: Next) -> Response {
    if *ready.borrow() {
        return next.run(request).await;
    }
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

async fn domains(State(bbs): Shared) -> Response {
    listed("domains", bbs.store.domains()).await
}

async fn desires(State(bbs): Shared) -> Response {
    listed("desired_lrps", bbs.store.desires()).await
}

async fn actuals(State(bbs): Shared) -> Response {
    listed("actual_lrps", bbs.store.actuals()).await
}

async fn tasks(State(bbs): Shared) -> Response {
    listed("tasks", bbs.store.tasks()).await
}

async fn refresh(State(bbs): Shared, Json(Freshness { domain, ttl }): Json<Freshness>) -> Response {
    done(named([&domain]), bbs.store.refresh(&domain, Duration::from_secs(ttl))).await
}

async fn desire(State(bbs): Shared, Json(Desire { desired_lrp: lrp, run_info }): Json<Desire>) -> Response {
    let run = RunInfo { process_guid: lrp.process_guid.clone(), ..run_info };
    done(named([&lrp.process_guid, &lrp.domain]), bbs.store.desire(&lrp, &run)).await
}

async fn update(State(bbs): Shared, Json(Update { process_guid, instances, annotation }): Json<Update>) -> Response {
    done(named([&process_guid]), bbs.store.update(&process_guid, instances, annotation)).await
}

async fn undesire(State(bbs): Shared, Json(Named { process_guid }): Json<Named>) -> Response {
    done(named([&process_guid]), bbs.store.undesire(&process_guid)).await
}

async fn take(State(bbs): Shared, Json(actual): Json<ActualLrp>) -> Response {
    let valid = named([&actual.process_guid, &actual.domain, &actual.cell_id])
        && actual.cell_address.parse::<SocketAddr>().is_ok();
    done(valid, bbs.store.take(&actual)).await
}

async fn remove_actual(State(bbs): Shared, Json(Instance { process_guid, index }): Json<Instance>) -> Response {
    done(named([&process_guid]), bbs.store.remove_actual(&process_guid, index)).await
}

async fn desire_task(State(bbs): Shared, Json(task): Json<Task>) -> Response {
    done(named([&task.task_guid, &task.domain]), bbs.store.desire_task(&task)).await
}

/// Answers with what is listed, under that name.
async fn listed<T: Serialize>(name: &str, list: impl Future<Output = Result<T, Failure>>) -> Response {
    match list.await {
        Ok(list) => answer(None, Map::from_iter([(name.to_owned(), json!(list))])),
        Err(error) => answer(Some(told(&error.into())), Map::new()),
    }
}

/// Whether each of these can be a part of a key.
fn named<const N: usize>(names: [&str; N]) -> bool {
    names.into_iter().all(is_name)
}

/// Does it, if the request is `valid`.
async fn done<E: Into<Refusal>>(valid: bool, action: impl Future<Output = Result<(), E>>) -> Response {
    if !valid {
        return answer(Some(INVALID), Map::new());
    }
    let refused = action.await.err().map(|error| told(&error.into()));
    answer(refused, Map::new())
}

fn answer(error: Option<Told>, mut body: Map<String, Value>) -> Response {
    body.insert("error".into(), json!(error));
    Json(body).into_response()
}

const INVALID: Told = Told { r#type: "InvalidRequest", message: "the request is invalid" };
const UNKNOWN: Told = Told { r#type: "UnknownError", message: "the request failed for an unknown reason" };

/// What a caller is told of an error. What etcd says is for the log only.
fn told(refusal: &Refusal) -> Told {
    match refusal {
        Refusal::Etcd(Failure::NotFound) => {
            Told { r#type: "ResourceNotFound", message: "the requested resource could not be found" }
        }
        Refusal::Etcd(Failure::Exists) => {
            Told { r#type: "ResourceExists", message: "the requested resource already exists" }
        }
        Refusal::Etcd(Failure::Changed) => {
            Told { r#type: "ResourceConflict", message: "the requested resource is in a conflicting state" }
        }
        Refusal::ActualLrpCannotBeTaken => {
            Told { r#type: "ActualLRPCannotBeClaimed", message: "cannot claim actual LRP" }
        }
        Refusal::Etcd(error) => {
            LOG.error("request.failed", error);
            UNKNOWN
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_not_told_what_etcd_says() {
        let cluster = Failure::Cluster { code: 300, text: "etcdserver: request timed out".into() };
        assert_eq!(told(&cluster.into()), UNKNOWN);
        assert_eq!(told(&Failure::Garbled("?".into()).into()), UNKNOWN);
        assert_eq!(told(&Failure::Exists.into()).r#type, "ResourceExists");
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_does_nothing() {
        let action = async { panic!("not to be done") };
        let response = done::<Failure>(named(["fine", "../version"]), action).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}
