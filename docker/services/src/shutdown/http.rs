//! The service's HTTP interface.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Service,
    background::{self, Background},
    store::Row,
};
use crate::database::Failure;

/// A request's body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRequest {
    id: u64,
    value: u64,
    #[serde(default)]
    kind: Kind,
}

/// What a request's answer promises.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// The flag will be set.
    #[default]
    Order,
    /// The flag may be set: a work that may be dropped.
    Telemetry,
    /// Nothing: there is no work, and the flag stays as it is.
    Draft,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Telemetry => "telemetry",
            Self::Draft => "draft",
        }
    }
}

/// How large a report is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extent {
    mebibytes: usize,
}

type Shared = (Arc<Service>, Arc<Background>);

pub(super) fn routes(service: Arc<Service>, background: Arc<Background>) -> Router {
    Router::new()
        .route("/requests", post(accept))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/export", get(export))
        .with_state((service, background))
}

/// The report's method: store, start the asynchronous update, answer.
async fn accept(State((service, background)): State<Shared>, Json(request): Json<NewRequest>) -> Response {
    let (Ok(id), Ok(value)) = (i64::try_from(request.id), i64::try_from(request.value)) else {
        return refusal(StatusCode::BAD_REQUEST, "id and value must be less than 2^63");
    };
    tokio::time::sleep(service.settings.request).await;
    let intent = request.kind == Kind::Order && service.settings.variant.keeps_intents();
    match service.store.insert(&Row { id, value, kind: request.kind.name(), intent }).await {
        Ok(true) => {}
        Ok(false) => return refusal(StatusCode::CONFLICT, "the id is known"),
        Err(error) => return unavailable(&error),
    }
    match request.kind {
        Kind::Order => background.start_work(&service, id),
        Kind::Telemetry => background::start_telemetry(&service, id),
        Kind::Draft => {}
    }
    (StatusCode::CREATED, Json(json!({ "id": id }))).into_response()
}

async fn health(State((service, _)): State<Shared>) -> Response {
    match service.store.ping().await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => unavailable(&error),
    }
}

async fn metrics(State((service, _)): State<Shared>) -> String {
    service.gauges.exposition()
}

/// A report that is made up in memory, as large as it is asked for: the request that a
/// machine with little memory does not survive.
async fn export(Query(Extent { mebibytes }): Query<Extent>) -> Vec<u8> {
    vec![b'-'; mebibytes.saturating_mul(1 << 20)]
}

fn unavailable(error: &Failure) -> Response {
    println!("request failed: {error}");
    refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
}

fn refusal(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_order_unless_it_says_otherwise() {
        let request: NewRequest = serde_json::from_str(r#"{"id": 1, "value": 2}"#).expect("valid");
        assert_eq!((request.id, request.value, request.kind), (1, 2, Kind::Order));
        for kind in [Kind::Order, Kind::Telemetry, Kind::Draft] {
            assert_eq!(serde_json::from_value::<Kind>(json!(kind.name())).expect("valid"), kind);
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for body in [r#"{"id": -1, "value": 2}"#, r#"{"id": 1}"#, r#"{"id": 1, "value": 2, "kind": "joke"}"#] {
            assert!(serde_json::from_str::<NewRequest>(body).is_err(), "{body}");
        }
    }
}
