//! `tasks`.

use std::time::SystemTime;

use crate::director::clock;
use crate::director::db::{Db, Row, lit, num};
use crate::director::error::{Error, Result};
use crate::director::log::Logger;
use crate::director::task::State;

/// A row of `tasks`.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// `update_deployment`
    pub kind: String,
    /// Where it stands.
    pub state: State,
    /// When it was queued; once it ended: when.
    pub timestamp: Option<SystemTime>,
    /// `create deployment`
    pub description: String,
    /// Its result or error, cut to 128 characters.
    pub result: Option<String>,
    /// The directory of its logs.
    pub output: Option<String>,
    /// When its checkpoint thread last wrote.
    pub checkpoint: Option<SystemTime>,
    /// Who asked for it.
    pub user: Option<String>,
    /// Whose deployment it works on.
    pub deployment: Option<String>,
    /// When it was begun.
    pub started_at: Option<SystemTime>,
    /// Event lines.
    pub event_output: String,
    /// Result lines.
    pub result_output: String,
    /// The client's `X-Bosh-Context-Id`.
    pub context_id: String,
}

/// What `GET /tasks` asks for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Any of these.
    pub states: Vec<String>,
    /// Any of these.
    pub types: Vec<String>,
    /// This deployment's.
    pub deployment: Option<String>,
    /// This context's.
    pub context_id: Option<String>,
    /// The newest so many.
    pub limit: Option<i64>,
}

/// Task `id`.
///
/// # Errors
/// `TaskNotFound`, or the database's.
pub async fn find(db: &Db, log: &Logger, id: i64) -> Result<Task> {
    let sql = format!(r#"SELECT * FROM "tasks" WHERE "id" = {id}"#);
    let missing = || Error::missing(10000, format!("Task {id} not found"));
    db.query(log, &sql).await?.first().map(task).ok_or_else(missing)
}

/// The tasks that `filter` lets through, newest first.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, filter: &Filter) -> Result<Vec<Task>> {
    let any = |column: &str, values: &[String]| {
        let values: Vec<_> = values.iter().map(|value| lit(value.as_str())).collect();
        (!values.is_empty()).then(|| format!(r#" AND "{column}" IN ({})"#, values.join(", ")))
    };
    let one = |column: &str, value: &Option<String>| any(column, value.as_slice());
    let conditions = [
        any("state", &filter.states),
        any("type", &filter.types),
        one("deployment_name", &filter.deployment),
        one("context_id", &filter.context_id),
    ];
    let conditions: String = conditions.into_iter().flatten().collect();
    let limit = filter.limit.map(|limit| format!(" LIMIT {}", limit.max(1))).unwrap_or_default();
    let sql = format!(r#"SELECT * FROM "tasks" WHERE true{conditions} ORDER BY "timestamp" DESC, "id" DESC{limit}"#);
    Ok(db.query(&Logger::nowhere(), &sql).await?.iter().map(task).collect())
}

/// Sets the state, whatever it was.
///
/// # Errors
/// The database's.
pub async fn set_state(db: &Db, log: &Logger, id: i64, state: State) -> Result<()> {
    let sql = format!(r#"UPDATE "tasks" SET "state" = '{}' WHERE ("id" = {id})"#, state.name());
    db.save(log, &sql).await.map(drop)
}

/// Writes the task back with every column as this process has it, as Sequel's `save` does. What others have written
/// since it was read is undone, whatever it was: a result, a line of event output, an end \[S\].
///
/// # Errors
/// The database's.
pub async fn save(db: &Db, log: &Logger, task: &Task) -> Result<()> {
    let time = |at: Option<SystemTime>| at.map_or_else(|| "NULL".to_owned(), clock::sql);
    let sql = format!(
        r#"UPDATE "tasks" SET "state" = '{}', "timestamp" = {}, "description" = {}, "result" = {}, "output" = {}, "checkpoint_time" = {}, "type" = {}, "username" = {}, "deployment_name" = {}, "started_at" = {}, "event_output" = {}, "result_output" = {}, "context_id" = {} WHERE ("id" = {})"#,
        task.state.name(),
        time(task.timestamp),
        lit(task.description.as_str()),
        lit(task.result.as_deref()),
        lit(task.output.as_deref()),
        time(task.checkpoint),
        lit(task.kind.as_str()),
        lit(task.user.as_deref()),
        lit(task.deployment.as_deref()),
        time(task.started_at),
        lit(task.event_output.as_str()),
        lit(task.result_output.as_str()),
        lit(task.context_id.as_str()),
        task.id
    );
    db.save(log, &sql).await.map(drop)
}

/// Writes the checkpoint.
///
/// # Errors
/// The database's; then the checkpoint thread ends for good.
pub async fn checkpoint(db: &Db, log: &Logger, id: i64, now: SystemTime) -> Result<()> {
    let sql = format!(r#"UPDATE "tasks" SET "checkpoint_time" = {} WHERE ("id" = {id})"#, clock::sql(now));
    db.save(log, &sql).await.map(drop)
}

/// Notes that the job begins; all else as it was when the job's process found the task \[S\].
///
/// # Errors
/// The database's.
pub async fn start(db: &Db, log: &Logger, task: &Task, now: SystemTime) -> Result<()> {
    let begun = Some(now);
    save(db, log, &Task { timestamp: begun, started_at: begun, checkpoint: begun, ..task.clone() }).await
}

/// Notes how the job ended, whatever state it was in meanwhile: a `timeout` can still become `cancelled` \[M\]. The
/// task is read anew just before \[S\].
///
/// # Errors
/// The database's.
pub async fn finish(db: &Db, log: &Logger, id: i64, state: State, result: &str, now: SystemTime) -> Result<()> {
    let task = find(db, log, id).await?;
    save(db, log, &Task { state, result: Some(truncated(result)), timestamp: Some(now), ..task }).await
}

/// Adds a line to `event_output` or `result_output`.
///
/// # Errors
/// The database's.
pub async fn append(db: &Db, log: &Logger, id: i64, column: &str, line: &str) -> Result<()> {
    let line = lit(format!("{line}\n").as_str());
    let sql = format!(r#"UPDATE "tasks" SET "{column}" = ("{column}" || {line}) WHERE ("id" = {id})"#);
    db.execute(log, &sql).await.map(drop)
}

/// A new task, `queued`; its id.
///
/// # Errors
/// The database's.
pub async fn create(
    db: &Db,
    kind: &str,
    description: &str,
    user: &str,
    deployment: Option<&str>,
    context_id: &str,
    now: SystemTime,
) -> Result<i64> {
    let now = clock::sql(now);
    let sql = format!(
        r#"INSERT INTO "tasks" ("username", "type", "description", "state", "deployment_name", "timestamp", "checkpoint_time", "context_id", "event_output", "result_output") VALUES ({}, {}, {}, 'queued', {}, {now}, {now}, {}, '', '') RETURNING "id""#,
        lit(user),
        lit(kind),
        lit(description),
        lit(deployment),
        lit(context_id)
    );
    let rows = db.save(&Logger::nowhere(), &sql).await?;
    rows.first().map(|row| row.number("id")).ok_or_else(|| Error::database("a new task has no id"))
}

/// Notes where a task's logs are.
///
/// # Errors
/// The database's.
pub async fn set_output(db: &Db, id: i64, dir: &str) -> Result<()> {
    let sql = format!(r#"UPDATE "tasks" SET "output" = {} WHERE ("id" = {})"#, lit(dir), num(id));
    db.save(&Logger::nowhere(), &sql).await.map(drop)
}

/// A result as the real director cuts it: 128 characters and dots.
fn truncated(result: &str) -> String {
    let result = result.trim();
    match result.char_indices().nth(129) {
        None => result.to_owned(),
        Some((end, _)) => {
            let cut = &result[..end];
            format!("{}...", cut.rsplit_once(char::is_whitespace).map_or(cut, |(head, _)| head))
        }
    }
}

fn task(row: &Row) -> Task {
    Task {
        id: row.number("id"),
        kind: row.string("type"),
        state: State::parse(&row.string("state")),
        timestamp: row.time("timestamp"),
        description: row.string("description"),
        result: row.text("result"),
        output: row.text("output"),
        checkpoint: row.time("checkpoint_time"),
        user: row.text("username"),
        deployment: row.text("deployment_name"),
        started_at: row.time("started_at"),
        event_output: row.string("event_output"),
        result_output: row.string("result_output"),
        context_id: row.string("context_id"),
    }
}
