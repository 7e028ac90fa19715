//! `events`: who did what to which object; the only trustworthy record of who holds a lock.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::director::clock;
use crate::director::config::Config;
use crate::director::db::{Db, Row, lit, num};
use crate::director::error::{Error, Result};
use crate::director::log::Logger;

/// An event to write.
#[derive(Debug, Default, Clone)]
pub struct Event<'a> {
    /// The event that this one ends.
    pub parent: Option<i64>,
    /// Who did it.
    pub user: &'a str,
    /// `create`, `acquire`, `lost`, …
    pub action: &'a str,
    /// `deployment`, `vm`, `lock`, …
    pub object_type: &'a str,
    /// Which one.
    pub object_name: Option<&'a str>,
    /// The task's number, as text.
    pub task: Option<&'a str>,
    /// Its deployment.
    pub deployment: Option<&'a str>,
    /// `web/<uuid>`
    pub instance: Option<&'a str>,
    /// Why it failed.
    pub error: Option<&'a str>,
    /// More about it.
    pub context: Option<Value>,
}

/// Writes an event; its id.
///
/// # Errors
/// The database's.
pub async fn create(db: &Db, log: &Logger, now: SystemTime, event: &Event<'_>) -> Result<i64> {
    let context = event.context.clone().unwrap_or_else(|| json!({})).to_string();
    let sql = format!(
        r#"INSERT INTO "events" ("parent_id", "timestamp", "user", "action", "object_type", "object_name", "error", "task", "deployment", "instance", "context_json") VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}) RETURNING "id""#,
        num(event.parent),
        clock::sql(now),
        lit(event.user),
        lit(event.action),
        lit(event.object_type),
        lit(event.object_name),
        lit(event.error),
        lit(event.task),
        lit(event.deployment),
        lit(event.instance),
        lit(context.as_str())
    );
    let rows = db.save(log, &sql).await?;
    rows.first().map(|row| row.number("id")).ok_or_else(|| Error::database("a new event has no id"))
}

/// Notes that a process of the director's begins: the API, or a worker.
///
/// # Errors
/// The database's.
pub async fn started(config: &Config, object_type: &str, name: &str, context: Value) -> Result<i64> {
    let event = Event {
        user: "_director",
        action: "start",
        object_type,
        object_name: Some(name),
        context: Some(context),
        ..Event::default()
    };
    create(&config.db, &Logger::nowhere(), config.clock.now(), &event).await
}

/// The newest 200 events under `conditions` (each a SQL condition), as the API shows them.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, conditions: &[String]) -> Result<Vec<Value>> {
    let conditions: String = conditions.iter().map(|condition| format!(" AND {condition}")).collect();
    let sql = format!(r#"SELECT * FROM "events" WHERE true{conditions} ORDER BY "id" DESC LIMIT 200"#);
    Ok(db.query(&Logger::nowhere(), &sql).await?.iter().map(shown).collect())
}

/// Ids are strings; what is null or empty is dropped.
fn shown(row: &Row) -> Value {
    let mut event = Map::new();
    event.insert("id".to_owned(), json!(row.string("id")));
    event.insert("timestamp".to_owned(), json!(row.time("timestamp").map_or(0, clock::unix)));
    let texts =
        ["parent_id", "user", "action", "object_type", "object_name", "error", "task", "deployment", "instance"];
    for name in texts {
        if let Some(text) = row.text(name).filter(|text| !text.is_empty()) {
            event.insert(name.to_owned(), json!(text));
        }
    }
    let context = row.text("context_json").and_then(|text| serde_json::from_str::<Map<_, _>>(&text).ok());
    if let Some(context) = context {
        event.insert("context".to_owned(), Value::Object(context));
    }
    Value::Object(event)
}
