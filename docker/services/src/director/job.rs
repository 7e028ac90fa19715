//! A running job: what it works with, and where it notices that it was cancelled.

use super::config::Config;
use super::error::{Error, Result};
use super::event::EventLog;
use super::log::Logger;
use super::store::events::{self, Event};
use super::store::tasks::{self, Task};

/// A running job's surroundings; cheap to clone, one for each of its threads.
#[derive(Debug, Clone)]
pub struct Job {
    /// The process's.
    pub config: Config,
    /// The thread's debug log.
    pub log: Logger,
    /// The task's event output.
    pub events: EventLog,
    task: std::sync::Arc<Task>,
}

impl Job {
    /// The surroundings of `task`.
    pub fn new(config: Config, log: Logger, task: Task) -> Self {
        let events = EventLog::new(config.db.clone(), config.clock, task.id);
        Self { config, log, events, task: std::sync::Arc::new(task) }
    }

    /// The task's number.
    pub fn id(&self) -> i64 {
        self.task.id
    }

    /// The task as it was when this process found it.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The same job in another thread.
    pub fn in_thread(&self, name: impl Into<String>) -> Self {
        Self { log: self.log.in_thread(name), ..self.clone() }
    }

    /// The only place where a job notices that it was cancelled.
    ///
    /// # Errors
    /// `TaskCancelled`, or the database's.
    pub async fn checkpoint(&self) -> Result<()> {
        let task = tasks::find(&self.config.db, &self.log, self.id()).await?;
        if task.state.stops_the_job() { Err(Error::cancelled(self.id())) } else { Ok(()) }
    }

    /// Writes an event of this task; its id.
    ///
    /// # Errors
    /// The database's.
    pub async fn event(&self, event: Event<'_>) -> Result<i64> {
        let task = self.id().to_string();
        let user = self.task.user.as_deref().unwrap_or("admin");
        let event = Event { user, task: Some(&task), ..event };
        events::create(&self.config.db, &self.log, self.config.clock.now(), &event).await
    }

    /// Adds a line to the task's result.
    ///
    /// # Errors
    /// The database's.
    pub async fn result(&self, line: &str) -> Result<()> {
        tasks::append(&self.config.db, &self.log, self.id(), "result_output", line).await
    }
}
