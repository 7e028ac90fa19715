//! `GET /events`

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::Value;

use super::{Answer, Api};
use crate::director::clock;
use crate::director::db::lit;
use crate::director::store::events;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/events", get(list))
}

async fn list(State(api): State<Api>, Query(asked): Query<HashMap<String, String>>) -> Answer {
    let mut conditions = Vec::new();
    let columns = ["task", "deployment", "instance", "user", "action", "object_type"].map(|name| (name, name));
    for (parameter, column) in columns.into_iter().chain([("object_name", "object_name"), ("object_id", "object_name")])
    {
        if let Some(value) = asked.get(parameter) {
            conditions.push(format!(r#""{column}" = {}"#, lit(value.as_str())));
        }
    }
    if let Some(id) = asked.get("before_id") {
        conditions.push(format!(r#""id" < {}"#, id.parse::<i64>().unwrap_or_default()));
    }
    for (parameter, name, comparison) in [("before_time", "before", "<"), ("after_time", "after", ">")] {
        let Some(value) = asked.get(parameter) else { continue };
        let Some(time) = time(value) else {
            let body = format!("Invalid {name} parameter: '{value}' ");
            return Ok((StatusCode::BAD_REQUEST, body).into_response());
        };
        conditions.push(format!(r#""timestamp" {comparison} {time}"#));
    }
    let events = events::list(&api.config().db, &conditions).await?;
    Ok(super::json(&Value::Array(events)))
}

/// Seconds since 1970, or any time that says its zone, or one in UTC.
fn time(text: &str) -> Option<String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(clock::sql(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)));
    }
    let text = text.trim().trim_end_matches(" UTC");
    let at: Option<jiff::Timestamp> = text.parse().ok();
    at.map(Into::into).or_else(|| clock::parse(text)).map(clock::sql)
}
