//! The recovery from workers that are all at tasks that hang.

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::Pace,
    bosh,
    end_stuck_task::{deploy, kill},
    survey::{self, Process, Survey},
};

/// How long the tasks may take to end once their calls are gone.
const LIMIT: Duration = Duration::from_secs(20);

/// No task that gets on is without a word for so many seconds of production, twice.
const WINDOW: u64 = 60;

/// Ends the CPI calls of every task, of whatever deployment, that does not get on; its
/// worker is free then and takes what is queued. No lock and no worker is touched. Then
/// deploys what did not come to its end.
#[derive(Debug)]
pub(crate) struct FreeWorkers {
    /// The director's pace.
    pub(crate) pace: Pace,
}

impl fmt::Display for FreeWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end the CPI calls that every worker hangs in, and deploy again")
    }
}

#[async_trait]
impl Runbook for FreeWorkers {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let calling = calling(&survey::processes(operator).await?);
        let stuck = self.stuck(operator, &calling).await?;
        let was_done = Survey::take(operator).await?.last_deploy == "done";
        if stuck.is_empty() && was_done {
            return Ok(Conclusion::NothingToDo);
        }
        if stuck.is_empty() && !calling.is_empty() {
            return Ok(Conclusion::Refused { why: format!("the tasks {calling:?} get on: wait for a worker") });
        }
        for task in &stuck {
            let path = format!("/task/{task}");
            operator.step(&format!("cancel task {task}"), bosh::ask(operator, "DELETE", &path, None)).await?;
        }
        if !stuck.is_empty() {
            operator.step("end their CPI calls", end_calls(operator, &stuck)).await?;
            poll::until("the tasks to end", LIMIT, || ended(operator, &stuck)).await?;
        }
        if was_done {
            return Ok(Conclusion::Done);
        }
        // What a dead task has left in flight would make the same VMs as the deploy.
        let orphans = survey::orphans(operator).await?;
        if !orphans.is_empty() {
            operator.step("end the CPI calls of dead tasks", kill(operator, &orphans)).await?;
        }
        operator.step("deploy", deploy(operator)).await?;
        Ok(Conclusion::Done)
    }
}

impl FreeWorkers {
    /// Those tasks whose logs do not grow in two windows.
    async fn stuck(&self, operator: &Operator<'_>, tasks: &BTreeSet<u64>) -> Result<BTreeSet<u64>> {
        if tasks.is_empty() {
            return Ok(BTreeSet::new());
        }
        let before = survey::progress(operator, tasks).await?;
        tokio::time::sleep(2 * self.pace.production(WINDOW)).await;
        let after = survey::progress(operator, tasks).await?;
        Ok(tasks.iter().filter(|task| before.get(task) == after.get(task)).copied().collect())
    }
}

/// The tasks that wait for a CPI call.
fn calling(all: &[Process]) -> BTreeSet<u64> {
    let has_job = |task: u64| all.iter().any(|process| process.role == "run-job" && process.task == task);
    let calls = all.iter().filter(|process| process.role == "cpi").map(|process| process.task);
    calls.filter(|task| has_job(*task)).collect()
}

/// Ends every CPI call of these tasks.
async fn end_calls(operator: &Operator<'_>, tasks: &BTreeSet<u64>) -> Result<()> {
    let all = survey::processes(operator).await?;
    let calls = all.iter().filter(|process| process.role == "cpi" && tasks.contains(&process.task));
    kill(operator, &calls.map(|call| call.pid.to_string()).collect::<Vec<_>>()).await
}

/// Whether these tasks have no process any more.
async fn ended(operator: &Operator<'_>, tasks: &BTreeSet<u64>) -> Look<()> {
    match survey::processes(operator).await {
        Ok(all) => match all.iter().filter(|process| tasks.contains(&process.task)).count() {
            0 => Look::Ready(()),
            some => Look::NotYet(format!("{some} of their processes are left")),
        },
        Err(error) => Look::NotYet(error.to_string()),
    }
}
