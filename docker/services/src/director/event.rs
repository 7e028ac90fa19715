//! A task's event output: the lines that `bosh task N` shows.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::clock::{self, Clock};
use super::db::Db;
use super::error::{Error, Result};
use super::log::Logger;
use super::store::tasks;

/// One task's event output, in `tasks.event_output`.
#[derive(Debug, Clone)]
pub struct EventLog {
    db: Db,
    clock: Clock,
    task: i64,
}

/// A stage of a task: so many steps under one heading.
#[derive(Debug)]
pub struct Stage {
    events: EventLog,
    name: String,
    tags: Vec<String>,
    total: Option<usize>,
    begun: AtomicUsize,
}

impl EventLog {
    /// Of that task.
    pub fn new(db: Db, clock: Clock, task: i64) -> Self {
        Self { db, clock, task }
    }

    /// A stage of `total` steps, or of nobody knows how many; nothing is written yet.
    pub fn stage(&self, name: &str, tags: &[&str], total: impl Into<Option<usize>>) -> Stage {
        let total = total.into();
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Stage { events: self.clone(), name: name.to_owned(), tags, total, begun: AtomicUsize::new(0) }
    }

    /// The line that ends a failed task.
    ///
    /// # Errors
    /// The database's.
    pub async fn error(&self, log: &Logger, error: &Error) -> Result<()> {
        self.write(log, json!({"time": self.now(), "error": {"code": error.code, "message": error.message}})).await
    }

    fn now(&self) -> i64 {
        clock::unix(self.clock.now())
    }

    async fn write(&self, log: &Logger, line: Value) -> Result<()> {
        tasks::append(&self.db, log, self.task, "event_output", &line.to_string()).await
    }
}

impl Stage {
    /// Does one step and writes how it began and ended.
    ///
    /// # Errors
    /// The step's, or the database's.
    pub async fn track<T>(&self, log: &Logger, task: &str, step: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let index = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        self.write(log, task, index, "started", None).await?;
        let done = step.await;
        match &done {
            Ok(_) => self.write(log, task, index, "finished", None).await?,
            Err(error) => self.write(log, task, index, "failed", Some(&error.message)).await?,
        }
        done
    }

    async fn write(&self, log: &Logger, task: &str, index: usize, state: &str, error: Option<&str>) -> Result<()> {
        let progress = if state == "started" { 0 } else { 100 };
        let mut line = json!({
            "time": self.events.now(), "stage": self.name, "tags": self.tags, "total": self.total, "task": task,
            "index": index, "state": state, "progress": progress,
        });
        if let Some(error) = error {
            line["data"] = json!({"error": error});
        }
        self.events.write(log, line).await
    }
}
