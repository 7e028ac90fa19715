//! `GET /events`

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Answer, Api};
use crate::director::clock;
use crate::director::db::lit;
use crate::director::store::events;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/events", get(list)).route("/events/{id}", get(show))
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
    for (parameter, name, comparison) in [("before_time", "before", "<"), ("after_time", "after", ">=")] {
        let Some(value) = asked.get(parameter) else { continue };
        let Some(time) = time(value).map(|at| at + Duration::from_secs(u64::from(name == "after"))) else {
            let body = format!("Invalid {name} parameter: '{value}' ");
            return Ok((StatusCode::BAD_REQUEST, body).into_response());
        };
        conditions.push(format!(r#""timestamp" {comparison} {}"#, clock::sql(time)));
    }
    let events = events::list(&api.config().db, &conditions).await?;
    Ok(super::json(&Value::Array(events)))
}

async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let condition = format!(r#""id" = {}"#, id.parse::<i64>().unwrap_or_default());
    match events::list(&api.config().db, &[condition]).await?.into_iter().next() {
        Some(event) => Ok(super::json(&event)),
        None => Ok((StatusCode::NOT_FOUND, "Event not found").into_response()),
    }
}

/// Seconds since 1970; any time that says its zone, or one in UTC; or as the CLI's table prints it:
/// `Fri Nov 20 09:15:26 UTC 2026`.
fn time(text: &str) -> Option<SystemTime> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }
    let text = text.trim();
    if let Ok(at) = BrokenDownTime::parse("%a %b %e %H:%M:%S UTC %Y", text) {
        return Some(at.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().into());
    }
    let text = text.trim_end_matches(" UTC");
    let at: Option<jiff::Timestamp> = text.parse().ok();
    at.map(Into::into).or_else(|| clock::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_written_as_the_table_prints_it() {
        let at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_166_126));
        for text in [
            "1795166126",
            "Fri Nov 20 09:15:26 UTC 2026",
            "2026-11-20 09:15:26 UTC",
            "2026-11-20T09:15:26Z",
            "2026-11-20T10:15:26+01:00",
        ] {
            assert_eq!(time(text), at, "{text}");
        }
        assert_eq!(time("yesterday"), None);
    }
}
