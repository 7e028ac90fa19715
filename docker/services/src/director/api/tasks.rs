//! `/tasks` and `/task`: looking at tasks, which can make them `timeout`, and cancelling them.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Answer, Api};
use crate::director::clock;
use crate::director::error::{Error, Result};
use crate::director::log::Logger;
use crate::director::store::tasks::{self, Filter, Task};
use crate::director::task::State as TaskState;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/tasks", get(list))
        .route("/tasks/cancel", post(cancel_many))
        .route("/tasks/{id}", get(show))
        .route("/tasks/{id}/output", get(output))
        .route("/task/{id}", delete(cancel))
}

/// The types that `verbose=1`, the CLI's default for `--recent`, lets through \[S\].
const USUAL: [&str; 13] = [
    "attach_disk",
    "create_snapshot",
    "delete_deployment",
    "delete_release",
    "delete_snapshot",
    "delete_stemcell",
    "run_errand",
    "snapshot_deployment",
    "update_instance",
    "update_deployment",
    "update_release",
    "update_stemcell",
    "export_release",
];

async fn list(State(api): State<Api>, Query(asked): Query<HashMap<String, String>>) -> Answer {
    let list = |name: &str| -> Vec<String> {
        let values = asked.get(name).map(String::as_str).unwrap_or_default();
        values.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect()
    };
    let filter = Filter {
        states: list("state"),
        types: match asked.get("verbose").map_or("1", String::as_str) {
            "1" => USUAL.map(str::to_owned).to_vec(),
            _ => Vec::new(),
        },
        deployment: asked.get("deployment").cloned(),
        context_id: asked.get("context_id").cloned(),
        limit: asked.get("limit").map(|limit| limit.parse().unwrap_or_default()),
    };
    let mut shown = Vec::new();
    for task in tasks::list(&api.config().db, &filter).await? {
        shown.push(json_of(&looked_at(&api, task).await?));
    }
    Ok(super::json(&Value::Array(shown)))
}

async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let task = find(&api, &id).await?;
    Ok(super::json(&json_of(&looked_at(&api, task).await?)))
}

async fn find(api: &Api, id: &str) -> Result<Task> {
    let number = id.parse().map_err(|_| Error::missing(10000, format!("Task {id} not found")))?;
    tasks::find(&api.config().db, &Logger::nowhere(), number).await
}

/// The lazy `timeout`: only somebody's look sets it, and nothing is killed by it \[M\].
async fn looked_at(api: &Api, mut task: Task) -> Result<Task> {
    let config = api.config();
    let (db, log, now) = (&config.db, Logger::nowhere(), config.clock.now());
    let checkpoint = task.checkpoint;
    if checkpoint.is_none() {
        task.checkpoint = Some(now);
        tasks::save(db, &log, &task).await?;
    }
    // Written back as it was read, also where it moved on meanwhile.
    if task.state.has_timed_out(checkpoint.unwrap_or(now), now, config.intervals.task_timeout()) {
        task.state = TaskState::Timeout;
        tasks::save(db, &log, &task).await?;
    }
    Ok(task)
}

fn json_of(task: &Task) -> Value {
    let ended = task.timestamp.filter(|_| task.state.shows_its_time()).map(clock::unix);
    json!({
        "id": task.id, "state": task.state.name(), "description": task.description, "timestamp": ended,
        "started_at": task.started_at.map(clock::unix), "result": task.result,
        "user": task.user.as_deref().unwrap_or("admin"), "deployment": task.deployment,
        "context_id": task.context_id,
    })
}

/// Only sets the state: the job notices at its next checkpoint, or never. All columns are written as they were read, so
/// that a task which ends meanwhile is `cancelling` for good, without its result \[S\].
async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let task = find(&api, &id).await?;
    let state = task.state.name();
    if stop(&api, task).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let body = format!("Cannot cancel task {id}: invalid state ({state})");
    Ok((StatusCode::BAD_REQUEST, body).into_response())
}

async fn stop(api: &Api, task: Task) -> Result<bool> {
    if !task.state.is_cancellable() {
        return Ok(false);
    }
    let state = TaskState::Cancelling;
    tasks::save(&api.config().db, &Logger::nowhere(), &Task { state, ..task }).await.map(|()| true)
}

async fn cancel_many(State(api): State<Api>, Json(asked): Json<Value>) -> Answer {
    let filter = match selected(&asked) {
        Ok(filter) => filter,
        Err(refusal) => return Ok((StatusCode::BAD_REQUEST, refusal).into_response()),
    };
    for task in tasks::list(&api.config().db, &filter).await? {
        stop(&api, task).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Which tasks `bosh cancel-tasks` is about: of those that can be cancelled only the `queued` ones, unless it says so.
fn selected(asked: &Value) -> std::result::Result<Filter, String> {
    let list = |name: &str| -> Vec<String> { serde_json::from_value(asked[name].clone()).unwrap_or_default() };
    let mut states = list("states");
    let cannot = |state: &&String| !TaskState::parse(state).is_cancellable();
    if let Some(state) = states.iter().find(cannot) {
        return Err(format!("{state} is not one of the cancellable states: queued, processing"));
    }
    if states.is_empty() {
        states.push("queued".to_owned());
    }
    let deployment = asked["deployment"].as_str().map(str::to_owned);
    Ok(Filter { states, types: list("types"), deployment, ..Filter::default() })
}

async fn output(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let kind = asked.get("type").map_or("debug", String::as_str);
    if kind == "none" {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let task = find(&api, &id).await?;
    if !["debug", "cpi", "event", "result"].contains(&kind) {
        return Err(Error::unauthorized(format!("Unknown type {kind}")).into());
    }
    let Some(dir) = &task.output else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let file = std::path::Path::new(dir).join(kind.replace(['/', '.'], "_"));
    let bytes = match (tokio::fs::read(&file).await, kind) {
        (Ok(bytes), _) => bytes,
        (Err(_), "event") => task.event_output.into_bytes(),
        (Err(_), "result") => task.result_output.into_bytes(),
        (Err(_), _) => return Ok(StatusCode::NO_CONTENT.into_response()),
    };
    Ok(ranged(&bytes, &headers))
}

/// All of it, or from the byte that the client asks for; nothing new there is 416, which the CLI takes for "wait".
fn ranged(bytes: &[u8], headers: &HeaderMap) -> Response {
    let text = [(header::CONTENT_TYPE, "text/plain;charset=utf-8")];
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(range);
    let Some((from, to)) = asked.filter(|_| !bytes.is_empty()) else {
        return (text, Body::from(bytes.to_vec())).into_response();
    };
    let total = bytes.len();
    if from >= total {
        let whole = [(header::CONTENT_RANGE, format!("bytes */{total}"))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, whole, "Byte range unsatisfiable").into_response();
    }
    let last = to.map_or(total - 1, |to| to.clamp(from, total - 1));
    let part = [(header::CONTENT_RANGE, format!("bytes {from}-{last}/{total}"))];
    (StatusCode::PARTIAL_CONTENT, text, part, Body::from(bytes[from..=last].to_vec())).into_response()
}

fn range(header: &str) -> Option<(usize, Option<usize>)> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    let to = if to.is_empty() { None } else { Some(to.parse().ok()?) };
    Some((from.parse().ok()?, to))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn asked(from: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::RANGE, from.parse().unwrap())])
    }

    #[test]
    fn only_queued_tasks_are_cancelled_unless_others_are_named() {
        let states = |asked: Value| selected(&asked).map(|filter| filter.states);
        assert_eq!(states(json!({"deployment": "paasta"})).unwrap(), ["queued"]);
        assert_eq!(states(json!({"states": []})).unwrap(), ["queued"]);
        assert_eq!(states(json!({"states": ["processing"]})).unwrap(), ["processing"]);
        let refusal = states(json!({"states": ["queued", "cancelling"]})).unwrap_err();
        assert_eq!(refusal, "cancelling is not one of the cancellable states: queued, processing");
    }

    #[test]
    fn output_comes_from_the_byte_that_is_asked_for() {
        let part = ranged(b"0123456789", &asked("bytes=4-"));
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 4-9/10");
        assert_eq!(ranged(b"0123456789", &asked("bytes=10-")).status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(ranged(b"", &asked("bytes=0-")).status(), StatusCode::OK);
        assert_eq!(ranged(b"0123", &asked("lines=1-")).status(), StatusCode::OK);
    }
}
