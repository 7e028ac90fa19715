//! The applications over HTTP: what a person pushes is in the table when it is answered,
//! and in the BBS with nsync's next pass.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use serde_json::json;

use super::table::{App, Table};
use crate::{database::Failure, diego::model::is_name};

type Shared = State<Arc<Table>>;

pub(super) fn routes(table: Arc<Table>) -> Router {
    Router::new().route("/apps", get(list).post(push)).route("/apps/{guid}", delete(remove)).with_state(table)
}

async fn list(State(table): Shared) -> Response {
    table.all().await.map_or_else(unavailable, |apps| Json(json!({ "apps": apps })).into_response())
}

async fn push(State(table): Shared, Json(App { process_guid, instances, .. }): Json<App>) -> Response {
    let Ok(instances) = i32::try_from(instances) else { return StatusCode::BAD_REQUEST.into_response() };
    if !is_name(&process_guid) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    table.push(&process_guid, instances).await.map_or_else(unavailable, |()| StatusCode::CREATED.into_response())
}

async fn remove(State(table): Shared, Path(guid): Path<String>) -> Response {
    let status = |found| if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
    table.delete(&guid).await.map_or_else(unavailable, |found| status(found).into_response())
}

fn unavailable(error: Failure) -> Response {
    super::LOG.error("request.failed", &error);
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))).into_response()
}
