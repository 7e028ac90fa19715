//! The recovery from a task that has ended by its row and works on.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::Pace,
    bosh::shell,
    end_stuck_task::{delete, deploy, kill, lock_is_free},
    kill_named_task,
    survey::{self, Survey},
};

/// How long a worker may take to end that has no job any more.
const LIMIT: Duration = Duration::from_secs(20);

/// Whoever ends is gone within so many seconds of production.
const WINDOW: u64 = 60;

/// Prints the pid of each worker that monit does not know: another has its name and its pidfile.
const SPARE: &str = "
for pid in $(pgrep -f '[d]irector worker --name '); do
  name=$(tr '\\0' '\\n' 2>/dev/null </proc/$pid/cmdline | sed -n '/^--name$/{n;p}')
  known=$(cat /var/vcap/sys/run/director/$name.pid 2>/dev/null)
  [[ -z $known || $known == $pid ]] || echo $pid
done";

/// Ends the processes of tasks that have ended, with their CPI calls, and the workers that have
/// another's name; waits for the lock to expire, deletes the VMs that nobody knows, and deploys.
#[derive(Debug)]
pub(crate) struct EndEndedTask {
    /// The director's pace.
    pub(crate) pace: Pace,
}

impl fmt::Display for EndEndedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end what goes on of a task that has ended, and the worker too many; deploy again")
    }
}

#[async_trait]
impl Runbook for EndEndedTask {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let ended = survey::ended_and_living(operator, self.pace.production(WINDOW)).await?;
        let (found, spare) = (Survey::take(operator).await?, spare(operator).await?);
        if let Some(task) = found.living().first() {
            return Ok(Conclusion::Refused { why: format!("task {task} has not ended: find out whether it gets on") });
        }
        let orphans = survey::orphans(operator).await?;
        let is_quiet = ended.is_empty() && spare.is_empty() && orphans.is_empty() && found.lock.is_none();
        if is_quiet && found.last_deploy == "done" && survey::leaked(operator).await?.is_empty() {
            return Ok(Conclusion::NothingToDo);
        }
        for (task, state) in &ended {
            let name = format!("end what goes on of task {task}, which is {state}");
            operator.step(&name, kill_named_task::end(operator, &found, *task)).await?;
        }
        if !orphans.is_empty() {
            operator.step("end the CPI calls of dead tasks", kill(operator, &orphans)).await?;
        }
        if !spare.is_empty() {
            let name = format!("end {} workers that monit does not know", spare.len());
            operator.step(&name, end_workers(operator, &spare)).await?;
        }
        lock_is_free(operator, self.pace).await?;
        let leaked = survey::leaked(operator).await?;
        if !leaked.is_empty() {
            operator.step(&format!("delete {} VMs that nobody knows", leaked.len()), delete(operator, &leaked)).await?;
        }
        operator.step("deploy", deploy(operator)).await?;
        Ok(Conclusion::Done)
    }
}

async fn spare(operator: &Operator<'_>) -> Result<Vec<String>> {
    Ok(shell(operator, SPARE).await?.lines().map(str::to_owned).collect())
}

/// Lets each finish the job that it has, which is none, and waits until it is gone.
async fn end_workers(operator: &Operator<'_>, pids: &[String]) -> Result<()> {
    for pid in pids {
        shell(operator, &format!("kill -TERM {pid} 2>/dev/null || true")).await?;
    }
    poll::until("the workers too many to end", LIMIT, || async {
        match spare(operator).await {
            Ok(left) if left.is_empty() => Look::Ready(()),
            Ok(left) => Look::NotYet(left.join(", ")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await
}
