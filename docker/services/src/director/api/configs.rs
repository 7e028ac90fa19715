//! `/cloud_configs` and `/configs`.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Answer, Api, Client};
use crate::director::clock;
use crate::director::diff;
use crate::director::error::{Error, Result};
use crate::director::log::Logger;
use crate::director::manifest::mapping;
use crate::director::store::configs::{self, ConfigRow};
use crate::director::store::events::{self, Event};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/cloud_configs", get(clouds).post(update_cloud))
        .route("/cloud_configs/diff", post(diff_cloud))
        .route("/configs", get(list).post(update).delete(delete))
        .route("/configs/diff", post(diff_any))
        .route("/configs/{id}", get(show))
}

type Asked = Query<HashMap<String, String>>;

fn name(asked: &HashMap<String, String>) -> &str {
    asked.get("name").map(String::as_str).filter(|name| !name.is_empty()).unwrap_or("default")
}

async fn clouds(State(api): State<Api>, Query(asked): Asked) -> Answer {
    let limit = asked.get("limit").map(String::as_str).unwrap_or_default();
    if limit.is_empty() {
        return Ok((StatusCode::BAD_REQUEST, "limit is required").into_response());
    }
    let Ok(limit) = limit.parse::<usize>() else {
        let body = format!("limit is invalid: '{limit}' is not an integer");
        return Ok((StatusCode::BAD_REQUEST, body).into_response());
    };
    let rows = configs::list(&api.config().db, Some("cloud"), Some(name(&asked)), true).await?;
    let shown = |row: &ConfigRow| json!({"properties": row.content, "created_at": row.created_at.map(clock::iso)});
    Ok(super::json(&rows.iter().take(limit).map(shown).collect()))
}

async fn update_cloud(State(api): State<Api>, Query(asked): Asked, client: Client, body: String) -> Answer {
    put(&api, &client, "cloud", name(&asked), &body).await?;
    Ok(StatusCode::CREATED.into_response())
}

/// A new version, unless it says what the newest one says; noted as an event, good or bad.
async fn put(api: &Api, client: &Client, kind: &str, name: &str, content: &str) -> Result<ConfigRow> {
    let stored = store(api, kind, name, content).await;
    let error = stored.as_ref().err().map(|error| error.message.clone());
    if !matches!(stored, Ok((_, false))) {
        let object_type = if kind == "cloud" { "cloud-config".to_owned() } else { format!("config/{kind}") };
        let action = if kind == "cloud" { "update" } else { "create" };
        let (user, object_name, error) = (client.user.as_str(), Some(name), error.as_deref());
        let event = Event { user, action, object_type: &object_type, object_name, error, ..Event::default() };
        events::create(&api.config().db, &Logger::nowhere(), api.config().clock.now(), &event).await?;
    }
    stored.map(|(row, _)| row)
}

async fn store(api: &Api, kind: &str, name: &str, content: &str) -> Result<(ConfigRow, bool)> {
    mapping(content)?;
    let db = &api.config().db;
    let latest = configs::list(db, Some(kind), Some(name), false).await?.into_iter().next();
    match latest {
        Some(latest) if latest.content == content => Ok((latest, false)),
        _ => {
            let made = configs::create(db, kind, name, content, api.config().clock.now()).await?;
            Ok((made.ok_or_else(|| Error::database("a new config has no row"))?, true))
        }
    }
}

async fn diff_cloud(State(api): State<Api>, Query(asked): Asked, body: String) -> Answer {
    let after = mapping(&body)?;
    let before = latest(&api, "cloud", name(&asked)).await?;
    Ok(super::json(&json!({"diff": diff::shown(&before, &after, false)})))
}

async fn latest(api: &Api, kind: &str, name: &str) -> Result<Value> {
    let rows = configs::list(&api.config().db, Some(kind), Some(name), false).await?;
    Ok(rows.first().and_then(|row| mapping(&row.content).ok()).unwrap_or_else(|| json!({})))
}

async fn list(State(api): State<Api>, Query(asked): Asked) -> Answer {
    let of = |key: &str| asked.get(key).map(String::as_str).filter(|value| !value.is_empty());
    let limit = of("limit").and_then(|limit| limit.parse::<usize>().ok());
    let all = of("latest") == Some("false") || (of("latest").is_none() && limit.is_some_and(|limit| limit > 1));
    let rows = configs::list(&api.config().db, of("type"), of("name"), all).await?;
    // `limit` is how many versions of each, not how many configs.
    let mut versions = HashMap::new();
    let mut shown = Vec::new();
    for row in &rows {
        let seen = versions.entry((row.kind.clone(), row.name.clone())).or_insert(0_usize);
        *seen += 1;
        if limit.is_none_or(|limit| *seen <= limit) {
            shown.push(json_of(row, *seen == 1));
        }
    }
    Ok(super::json(&Value::Array(shown)))
}

fn json_of(row: &ConfigRow, current: bool) -> Value {
    json!({
        "content": row.content, "id": row.id.to_string(), "type": row.kind, "name": row.name, "team": null,
        "created_at": row.created_at.map(clock::iso), "current": current,
    })
}

async fn show(State(api): State<Api>, Path(id): Path<i64>) -> Answer {
    let rows = configs::by_ids(&api.config().db, &Logger::nowhere(), &[id]).await?;
    let missing = || Error::missing(440_012, format!("Config {id} not found"));
    Ok(super::json(&json_of(rows.first().ok_or_else(missing)?, true)))
}

fn text<'a>(asked: &'a Value, key: &str) -> Result<&'a str> {
    asked[key]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::bad(440_010, format!("'{key}' is required")))
}

async fn update(State(api): State<Api>, client: Client, Json(asked): Json<Value>) -> Answer {
    let (kind, name, content) = (text(&asked, "type")?, text(&asked, "name")?, text(&asked, "content")?);
    let row = put(&api, &client, kind, name, content).await?;
    let mut response: Response = super::json(&json_of(&row, true));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn diff_any(State(api): State<Api>, Json(asked): Json<Value>) -> Answer {
    let (kind, name, content) = (text(&asked, "type")?, text(&asked, "name")?, text(&asked, "content")?);
    let before = latest(&api, kind, name).await?;
    Ok(super::json(&json!({"diff": diff::shown(&before, &mapping(content)?, true)})))
}

async fn delete(State(api): State<Api>, Query(asked): Asked) -> Answer {
    let of = |key: &str| {
        let given = asked.get(key).filter(|value| !value.is_empty());
        given.ok_or_else(|| Error::bad(440_010, format!("'{key}' is required")))
    };
    let deleted = configs::delete(&api.config().db, of("type")?, of("name")?).await?;
    Ok(if deleted > 0 { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response())
}
