//! Processes that end or stand still at once, in part or as a tree.

use std::{fmt, sync::PoisonError};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Kill, Signal, Undo},
    runbook::Output,
    testbed::{Process, Testbed},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{DIRECTOR, Director};

/// The worker that is at a task is killed together with the task's process, as by the OOM
/// killer that takes a whole group; the CPI's processes live on, in nobody's care.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerAndJobKilled {
    /// The task.
    pub(crate) task: u64,
}

impl WorkerAndJobKilled {
    /// The worker, and then its child: in the other order it would mark the task as failed.
    async fn processes(&self, bed: &Testbed) -> Result<Vec<Process>> {
        let all = bed.node(DIRECTOR)?.processes().await?;
        let words = format!("director run-job --task {} ", self.task);
        let Some(job) = all.iter().find(|process| process.command.contains(&words)).cloned() else {
            return Ok(Vec::new());
        };
        let name = job.command.split_whitespace().skip_while(|word| *word != "--worker").nth(1).unwrap_or_default();
        let words = format!("director worker --name {name} ");
        let worker = all.into_iter().find(|process| format!("{} ", process.command).contains(&words));
        Ok(worker.into_iter().chain([job]).collect())
    }
}

#[async_trait]
impl Fault<Director> for WorkerAndJobKilled {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let bed = &director.bed;
        let pids: Vec<_> = self.processes(bed).await?.iter().map(|process| process.pid).collect();
        if pids.len() != 2 {
            return Err(Error::inconclusive(format!("task {} has no worker with a process at it", self.task)));
        }
        let words: Vec<_> = pids.iter().map(u32::to_string).collect();
        bed.shell().must(&format!("kill -KILL {}", words.join(" "))).await?;
        director.killed.lock().unwrap_or_else(PoisonError::into_inner).insert(self.task, pids);
        Ok(Undo::none())
    }

    /// Neither is there any more; monit may have made another worker.
    async fn effect(&self, director: &Director) -> Result<Effect> {
        let killed = director.killed.lock().unwrap_or_else(PoisonError::into_inner).get(&self.task).cloned();
        let Some(killed) = killed else { return Ok(Effect::new(false, "none is killed")) };
        let all = director.bed.node(DIRECTOR)?.processes().await?;
        let left = all.iter().filter(|process| killed.contains(&process.pid)).count();
        Ok(Effect::new(left == 0, format!("killed: {killed:?}, left: {left}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

impl fmt::Display for WorkerAndJobKilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the worker at task {} is killed with the task's process", self.task)
    }
}

/// A worker's pidfile is lost, as by a clean-up of `/var/vcap/sys/run`, and somebody who takes the
/// worker for dead starts it by its control script: there are two of one name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PidfileLost {
    /// The worker, such as `worker_1`.
    pub(crate) worker: String,
}

impl PidfileLost {
    async fn workers(&self, bed: &Testbed) -> Result<Vec<Process>> {
        let words = format!("director worker --name {} ", self.worker);
        let mut all = bed.node(DIRECTOR)?.processes().await?;
        all.retain(|process| format!("{} ", process.command).contains(&words));
        Ok(all)
    }
}

#[async_trait]
impl Fault<Director> for PidfileLost {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let bed = &director.bed;
        let file = bed.node(DIRECTOR)?.reach(&format!("/var/vcap/sys/run/director/{}.pid", self.worker)).await?;
        bed.shell().must(&format!("rm {file}")).await?;
        let Output { code, text } = bed.node(DIRECTOR)?.exec(&["director-ctl", "start", &self.worker]).await?;
        match code {
            0 => Ok(Undo::none()),
            _ => Err(Error::inconclusive(format!("director-ctl start {} ended with {code}: {text}", self.worker))),
        }
    }

    /// There are two of that name.
    async fn effect(&self, director: &Director) -> Result<Effect> {
        let workers = self.workers(&director.bed).await?;
        Ok(Effect::new(workers.len() == 2, format!("processes of {}: {workers:?}", self.worker)))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

impl fmt::Display for PidfileLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pidfile of {} is lost, and the worker started again", self.worker)
    }
}

/// The CPI calls in flight stand still: what they wait for on a connection that has died
/// does not come, also when the network is back. To be undone by nobody but who ends them.
pub(crate) fn calls_lost() -> Kill {
    suspended("director cpi ".into())
}

/// A task's own process is frozen, with its renewals and checkpoints; its CPI calls go on.
pub(crate) fn job_suspended(task: u64) -> Kill {
    suspended(format!("director run-job --task {task} "))
}

/// A worker takes no job while it is frozen.
pub(crate) fn worker_suspended(worker: &str) -> Kill {
    suspended(format!("director worker --name {worker}"))
}

fn suspended(process: String) -> Kill {
    Kill { node: DIRECTOR.into(), process, signal: Signal::Stop }
}
