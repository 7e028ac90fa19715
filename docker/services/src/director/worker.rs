//! A worker: takes one job at a time from the queue and does it in a child process.
//!
//! Its SIGKILL does not end the child, nor the child's CPI calls: all of them live on \[M\]. SIGTERM lets it finish the
//! job at hand; SIGUSR1 lets it finish and take no other.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::signal::unix::{SignalKind, signal};

use super::config::Config;
use super::error::{During as _, Error, Result};
use super::jobs::Queue;
use super::log::Logger;
use super::queue::{self, Reserved};
use super::schema;
use super::store::events;
use super::store::tasks::{self, Task};
use super::task::{Pickup, State, pickup};

/// What a worker is told.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Its name; one that is started again under the same name gets back the job that it had.
    #[arg(long, env = "WORKER_NAME", default_value = "worker_1")]
    pub name: String,
    /// The queues that it serves.
    #[arg(long, env = "QUEUES", value_delimiter = ',', default_value = "normal,urgent")]
    pub queues: Vec<Queue>,
}

/// Runs until SIGTERM.
///
/// # Errors
/// When the database has no tables for a minute, or signals can't be caught.
pub async fn run(config: Config, options: Options) -> Result<()> {
    let catch = |kind| signal(kind).during(|| "cannot catch signals".to_owned());
    let mut stop = catch(SignalKind::terminate())?;
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut retire = catch(SignalKind::user_defined1())?;
    schema::wait(&config.db, Duration::from_secs(60)).await?;
    eprintln!("Starting worker {}.", options.name);
    // A database that is away by now is waited for below.
    let _ = events::started(&config, "worker", &options.name, json!({})).await;
    let (mut stopping, mut retired) = (false, false);
    while !stopping {
        let takes_jobs = !retired;
        let work = async {
            match takes_jobs {
                true => one_job(&config, &options).await,
                false => std::future::pending().await,
            }
        };
        tokio::pin!(work);
        // The job at hand is always finished; the signals only say whether another one follows.
        let idle = loop {
            tokio::select! {
                idle = &mut work => break idle,
                _ = stop.recv() => stopping = true,
                _ = interrupt.recv() => stopping = true,
                _ = retire.recv() => retired = true,
            }
            if stopping && !takes_jobs {
                break true;
            }
        };
        if idle && !stopping {
            tokio::select! {
                () = tokio::time::sleep(config.intervals.worker_poll()) => {}
                _ = stop.recv() => stopping = true,
                _ = interrupt.recv() => stopping = true,
            }
        }
    }
    Ok(())
}

/// Does one job if there is one; whether there was none. A database that is away is waited for.
async fn one_job(config: &Config, options: &Options) -> bool {
    let reserved = match queue::reserve(config, &options.name, &options.queues).await {
        Ok(reserved) => reserved,
        Err(error) => {
            eprintln!("Error while reserving job: {error}");
            return true;
        }
    };
    let Some(reserved) = reserved else { return true };
    if let Err(error) = perform(config, &options.name, &reserved).await {
        eprintln!("Job for task {} failed: {error}", reserved.task);
    }
    if let Err(error) = queue::destroy(config, reserved.row).await {
        eprintln!("Job for task {} can't be destroyed: {error}", reserved.task);
    }
    false
}

async fn perform(config: &Config, name: &str, job: &Reserved) -> Result<()> {
    let (db, log, id) = (&config.db, Logger::nowhere(), job.task);
    let task = tasks::find(db, &log, id).await?;
    let state = match pickup(task.state) {
        Pickup::Run => State::Processing,
        // The job is run all the same: it finds itself cancelled, says so and ends.
        Pickup::Cancel => State::Cancelled,
        Pickup::Drop => {
            return Err(Error::internal(format!("Cannot perform job for task {id} (not in 'queued' state)")));
        }
    };
    // Between the two statements another worker of the same name may do the same: both run the job [S].
    tasks::save(db, &log, &Task { state, checkpoint: Some(config.clock.now()), ..task }).await?;
    let status = child(config, name, job).await?;
    if let Some(signal) = status.signal() {
        eprintln!("Task {id} was terminated by signal {signal}, marking as failed");
        tasks::set_state(db, &log, id, State::Error).await?;
    }
    Ok(())
}

/// The real worker forks; a process of our own image with the same arguments is as good.
async fn child(config: &Config, name: &str, job: &Reserved) -> Result<std::process::ExitStatus> {
    let told = || format!("cannot start a process for task {}", job.task);
    let task = job.task.to_string();
    let mut command = config.role("run-job", &["--task", &task, "--worker", name]).during(told)?;
    let mut child = command.stdin(Stdio::piped()).kill_on_drop(false).spawn().during(told)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(job.handler.as_bytes()).await.during(told)?;
    }
    child.wait().await.during(|| format!("cannot wait for task {}", job.task))
}
