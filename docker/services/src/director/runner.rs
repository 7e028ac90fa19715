//! The child process of a job: its debug log, its checkpoints, and how it ends.

use std::io::Read as _;
use std::time::Instant;

use super::config::Config;
use super::error::{During as _, Kind, Result};
use super::job::Job;
use super::log::Logger;
use super::store::tasks::{self, Task};
use super::task::State;
use super::{clock, config, queue};

/// What the child is told; the job itself comes on its standard input.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The task.
    #[arg(long)]
    pub task: i64,
    /// The worker that it belongs to.
    #[arg(long)]
    pub worker: String,
}

/// Runs the job to its end.
///
/// # Errors
/// When the task can't be found or its end can't be written: then its state stays as it is, as with the real one.
pub async fn run(config: Config, options: Options) -> Result<()> {
    let mut handler = String::new();
    std::io::stdin().read_to_string(&mut handler).during(|| "cannot read the job".to_owned())?;
    let dir = config.task_dir(options.task);
    std::fs::create_dir_all(&dir).during(|| format!("cannot make the task's directory {}", dir.display()))?;
    let log = Logger::to_file(&dir.join("debug"), config.clock)?;
    log.info(format!("Looking for task with task id {}", options.task));
    let task = tasks::find(&config.db, &log, options.task).await?;
    log.info(format!("Found task {}", inspected(&task)));
    let place = format!("director/{} (127.0.0.1)", config::NAME);
    log.info(format!("Running from worker '{}' on {place}", options.worker));
    log.info(format!("Starting task: {}", options.task));
    let started = Instant::now();
    let job = Job::new(config, log.in_thread(format!("task:{}", options.task)), task);
    let ended = perform(&job, &handler).await;
    log.info(format!("Task took {} seconds to process.", started.elapsed().as_secs_f64()));
    ended
}

async fn perform(job: &Job, handler: &str) -> Result<()> {
    job.log.info("Creating job");
    let (id, log) = (job.id(), &job.log);
    let (state, result) = match attempt(job, handler).await {
        Ok(result) => {
            log.info("Done");
            (State::Done, result)
        }
        Err(error) if error.kind == Kind::Cancelled => {
            job.events.error(log, &error).await?;
            log.info(format!("Task {id} cancelled"));
            (State::Cancelled, "task cancelled".to_owned())
        }
        Err(error) => {
            job.events.error(log, &error).await?;
            log.error(&error.message);
            (State::Error, error.message)
        }
    };
    tasks::finish(&job.config.db, log, id, state, &result, job.config.clock.now()).await
}

async fn attempt(job: &Job, handler: &str) -> Result<String> {
    let work = queue::work(handler)?;
    // Cancelled in the queue?
    job.checkpoint().await?;
    tokio::spawn(keep_checkpointing(job.in_thread(format!("task:{}-checkpoint", job.id()))));
    job.log.info(format!("Performing task: {}", job.id()));
    tasks::start(&job.config.db, &job.log, job.task(), job.config.clock.now()).await?;
    work.perform(job).await
}

/// The checkpoint thread. It says that the process lives, never that the job gets on. The first error of the database
/// ends it for good while the job goes on: the task will be called `timeout`, and yet live \[M\].
async fn keep_checkpointing(job: Job) {
    loop {
        tokio::time::sleep(job.config.intervals.checkpoint()).await;
        let now = job.config.clock.now();
        if let Err(error) = tasks::checkpoint(&job.config.db, &job.log, job.id(), now).await {
            eprintln!("task {}: the checkpoint thread terminated with an exception: {error}", job.id());
            return;
        }
    }
}

fn inspected(task: &Task) -> String {
    let at = task.timestamp.map(clock::iso).unwrap_or_default();
    let Task { id, description, .. } = task;
    let state = task.state.name();
    format!(
        "#<Bosh::Director::Models::Task @values={{:id=>{id}, :state=>\"{state}\", :timestamp=>{at}, :description=>\"{description}\"}}>"
    )
}
