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
        .route("/cpi_configs", get(cpis).post(update_cpi))
        .route("/configs", get(list).post(update).delete(delete))
        .route("/configs/diff", post(diff_any))
        .route("/configs/{id}", get(show).delete(delete_one))
}

type Asked = Query<HashMap<String, String>>;

fn name(asked: &HashMap<String, String>) -> &str {
    asked.get("name").map(String::as_str).filter(|name| !name.is_empty()).unwrap_or("default")
}

async fn clouds(State(api): State<Api>, Query(asked): Asked) -> Answer {
    versions(&api, "cloud", &asked).await
}

async fn cpis(State(api): State<Api>, Query(asked): Asked) -> Answer {
    versions(&api, "cpi", &asked).await
}

async fn versions(api: &Api, kind: &str, asked: &HashMap<String, String>) -> Answer {
    let limit = asked.get("limit").map(String::as_str).unwrap_or_default();
    if limit.is_empty() {
        return Ok((StatusCode::BAD_REQUEST, "limit is required").into_response());
    }
    let Ok(limit) = limit.parse::<usize>() else {
        let body = format!("limit is invalid: '{limit}' is not an integer");
        return Ok((StatusCode::BAD_REQUEST, body).into_response());
    };
    let rows = configs::list(&api.config().db, Some(kind), Some(name(asked)), true).await?;
    let shown = |row: &ConfigRow| json!({"properties": row.content, "created_at": row.created_at.map(clock::iso)});
    Ok(super::json(&rows.iter().take(limit).map(shown).collect()))
}

async fn update_cloud(State(api): State<Api>, Query(asked): Asked, client: Client, body: String) -> Answer {
    put(&api, &client, "cloud", name(&asked), &body).await?;
    Ok(StatusCode::CREATED.into_response())
}

async fn update_cpi(State(api): State<Api>, client: Client, body: String) -> Answer {
    put(&api, &client, "cpi", "default", &body).await?;
    Ok(StatusCode::CREATED.into_response())
}

/// A new version, unless it says what the newest one says; noted as an event, good or bad.
async fn put(api: &Api, client: &Client, kind: &str, name: &str, content: &str) -> Result<ConfigRow> {
    let stored = store(api, kind, name, content).await;
    let error = stored.as_ref().err().map(|error| error.message.clone());
    if !matches!(stored, Ok((_, false))) {
        let has_its_own = matches!(kind, "cloud" | "cpi");
        let object_type = if has_its_own { format!("{kind}-config") } else { format!("config/{kind}") };
        let action = if has_its_own { "update" } else { "create" };
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

async fn newest(api: &Api, kind: &str, name: &str) -> Result<Option<ConfigRow>> {
    Ok(configs::list(&api.config().db, Some(kind), Some(name), false).await?.into_iter().next())
}

async fn latest(api: &Api, kind: &str, name: &str) -> Result<Value> {
    Ok(newest(api, kind, name).await?.map_or_else(|| json!({}), |row| parsed(&row)))
}

fn parsed(row: &ConfigRow) -> Value {
    mapping(&row.content).unwrap_or_else(|_| json!({}))
}

/// A number that may be written as a text.
fn number(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string()))
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

async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let row = by_id(&api, &id).await?;
    let is_current = newest(&api, &row.kind, &row.name).await?.is_some_and(|newest| newest.id == row.id);
    Ok(super::json(&json_of(&row, is_current)))
}

async fn by_id(api: &Api, id: &str) -> Result<ConfigRow> {
    let rows = match id.parse() {
        Ok(number) => configs::by_ids(&api.config().db, &Logger::nowhere(), &[number]).await?,
        Err(_) => Vec::new(),
    };
    rows.into_iter().next().ok_or_else(|| Error::missing(440_012, format!("Config {id} not found")))
}

async fn delete_one(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let row = by_id(&api, &id).await?;
    let deleted = configs::delete_one(&api.config().db, row.id).await?;
    Ok(if deleted > 0 { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response())
}

fn text<'a>(asked: &'a Value, key: &str) -> Result<&'a str> {
    asked[key]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::bad(440_010, format!("'{key}' is required")))
}

async fn update(State(api): State<Api>, client: Client, Json(asked): Json<Value>) -> Answer {
    let (kind, name, content) = (text(&asked, "type")?, text(&asked, "name")?, text(&asked, "content")?);
    let current = newest(&api, kind, name).await?;
    // A config that is not there has this number.
    let current = current.map_or_else(|| "0".to_owned(), |row| row.id.to_string());
    if let Some(expected) = number(&asked["expected_latest_id"]).filter(|expected| *expected != current) {
        let told = format!("Latest Id: '{current}' does not match expected latest id");
        let body = json!({"latest_id": current, "expected_latest_id": expected, "description": told});
        return Ok((StatusCode::PRECONDITION_FAILED, super::json(&body)).into_response());
    }
    let row = put(&api, &client, kind, name, content).await?;
    let mut response: Response = super::json(&json_of(&row, true));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// From one config to another, each by its number or as it is; or from the newest of a type and name to what is given.
async fn diff_any(State(api): State<Api>, Json(asked): Json<Value>) -> Answer {
    if asked["from"].is_object() && asked["to"].is_object() {
        let (before, after) = (side(&api, &asked["from"]).await?, side(&api, &asked["to"]).await?);
        return Ok(super::json(&json!({"diff": diff::shown(&before, &after, true)})));
    }
    let (kind, name, content) = (text(&asked, "type")?, text(&asked, "name")?, text(&asked, "content")?);
    let before = newest(&api, kind, name).await?;
    let id = before.as_ref().map_or_else(|| "0".to_owned(), |row| row.id.to_string());
    let before = before.as_ref().map_or_else(|| json!({}), parsed);
    let diff = diff::shown(&before, &mapping(content)?, true);
    Ok(super::json(&json!({"from": {"id": id}, "diff": diff})))
}

async fn side(api: &Api, side: &Value) -> Result<Value> {
    match (number(&side["id"]), side["content"].as_str()) {
        (Some(id), _) => Ok(parsed(&by_id(api, &id).await?)),
        (None, Some(content)) => mapping(content),
        (None, None) => Err(Error::bad(440_010, DIFF_FORMATS)),
    }
}

/// What a diff may be asked by.
const DIFF_FORMATS: &str = r#"The following request formats are allowed:
1. {"from":<config>,"to":<config>} where <config> is either {"id":"<id>"} or {"content":"<content>"}
2. {"type":"<type>","name":"<name>","content":"<content>"}"#;

async fn delete(State(api): State<Api>, Query(asked): Asked) -> Answer {
    let of = |key: &str| {
        let given = asked.get(key).filter(|value| !value.is_empty());
        given.ok_or_else(|| Error::bad(440_010, format!("'{key}' is required")))
    };
    let deleted = configs::delete(&api.config().db, of("type")?, of("name")?).await?;
    Ok(if deleted > 0 { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response())
}
