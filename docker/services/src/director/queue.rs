//! `delayed_jobs`: what waits for a worker.

use serde_json::Value;

use super::clock;
use super::config::Config;
use super::db::lit;
use super::error::{During as _, Error, Result};
use super::jobs::{Queue, Work};
use super::log::Logger;
use super::store::tasks;

/// A job that a worker has reserved.
#[derive(Debug)]
pub struct Reserved {
    /// Its row.
    pub row: i64,
    /// Its task.
    pub task: i64,
    /// Its class and arguments, as `handler` has them.
    pub handler: String,
}

/// Makes a task for `work` and queues it; the task's id.
///
/// # Errors
/// The database's, or the task directory's.
pub async fn enqueue(config: &Config, user: &str, context_id: &str, work: &Work) -> Result<i64> {
    let (db, now) = (&config.db, config.clock.now());
    let (kind, description) = (work.kind(), work.description());
    let id = tasks::create(db, kind, &description, user, work.deployment(), context_id, now).await?;
    let dir = config.task_dir(id);
    std::fs::create_dir_all(&dir).during(|| format!("cannot make the task's directory {}", dir.display()))?;
    tasks::set_output(db, id, &dir.to_string_lossy()).await?;
    let args = serde_json::to_string(work).during(|| format!("cannot write task {id}'s arguments"))?;
    let class = work.class();
    let handler = format!(
        "--- !ruby/object:Bosh::Director::Jobs::DBJob\njob_class: !ruby/class 'Bosh::Director::Jobs::{class}'\ntask_id: {id}\nargs: {args}\n"
    );
    let sql = format!(
        r#"INSERT INTO "delayed_jobs" ("priority", "attempts", "handler", "queue", "run_at") VALUES (0, 0, {}, '{}', {})"#,
        lit(handler.as_str()),
        work.queue().name(),
        clock::sql(now)
    );
    db.execute(&Logger::nowhere(), &sql).await?;
    Ok(id)
}

/// Reserves the oldest job for the worker of that name. What it had reserved before it died is its own again.
///
/// # Errors
/// The database's.
pub async fn reserve(config: &Config, worker: &str, queues: &[Queue]) -> Result<Option<Reserved>> {
    let (now, worker) = (clock::sql(config.clock.now()), lit(worker));
    let queues: Vec<_> = queues.iter().map(|queue| format!("'{}'", queue.name())).collect();
    let sql = format!(
        r#"UPDATE "delayed_jobs" SET "locked_at" = {now}, "locked_by" = {worker} WHERE "id" IN (SELECT "id" FROM "delayed_jobs" WHERE ((("run_at" <= {now}) AND ("locked_at" IS NULL)) OR ("locked_by" = {worker})) AND ("failed_at" IS NULL) AND ("queue" IN ({})) ORDER BY "priority" ASC, "run_at" ASC LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *"#,
        queues.join(", ")
    );
    let rows = config.db.query(&Logger::nowhere(), &sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let handler = row.string("handler");
    let task = field(&handler, "task_id: ").and_then(|id| id.parse().ok()).unwrap_or_default();
    Ok(Some(Reserved { row: row.number("id"), task, handler }))
}

/// Forgets a job that came to its end, good or bad: the real director destroys failed jobs too.
///
/// # Errors
/// The database's.
pub async fn destroy(config: &Config, row: i64) -> Result<()> {
    config.db.execute(&Logger::nowhere(), &format!(r#"DELETE FROM "delayed_jobs" WHERE "id" = {row}"#)).await.map(drop)
}

/// What a handler asks for.
///
/// # Errors
/// When it says nothing that this director knows.
pub fn work(handler: &str) -> Result<Work> {
    let args = field(handler, "args: ").ok_or_else(|| Error::internal("a job's handler has no args line"))?;
    let value: Value = serde_json::from_str(args).during(|| "cannot read a job's arguments".to_owned())?;
    serde_json::from_value(value).during(|| "a job's arguments are of no known job".to_owned())
}

fn field<'a>(handler: &'a str, key: &str) -> Option<&'a str> {
    handler.lines().find_map(|line| line.strip_prefix(key))
}
