//! The recovery after a worker whose clock is ahead took a lock that was held.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::manifest::PAASTA,
    bosh::{shell, until_none},
    end_stuck_task::{delete, deploy, kill},
    kill_named_task,
    survey::{self, Survey},
};

/// How long the tasks that get on may take to end: a slow deploy, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(40);

/// Prints `PID NAME` of each worker whose clock is wrong. Here it is the process's own; on
/// a director whose workers have machines of their own it is `date` on each of them.
const WRONG_CLOCKS: &str = "
for pid in $(pgrep -f '[d]irector worker --name '); do
  skew=$(tr '\\0' '\\n' 2>/dev/null </proc/$pid/environ | sed -n 's/^DIRECTOR_CLOCK_SKEW=//p')
  [[ -z $skew ]] || echo \"$pid $(tr '\\0' '\\n' 2>/dev/null </proc/$pid/cmdline | sed -n '/^--name$/{n;p}')\"
done";

/// Ends the tasks that work on without the lock, sets the workers' clocks, lets the holder
/// finish, and deploys again if it did not succeed.
#[derive(Debug)]
pub(crate) struct SetClocks;

impl fmt::Display for SetClocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end the task that lost its lock, set the workers' clocks, let the holder finish")
    }
}

#[async_trait]
impl Runbook for SetClocks {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let (wrong, orphans) = (wrong_clocks(operator).await?, survey::orphans(operator).await?);
        let is_quiet = found.open.is_empty() && orphans.is_empty() && survey::leaked(operator).await?.is_empty();
        if is_quiet && wrong.is_empty() && found.last_deploy == "done" {
            return Ok(Conclusion::NothingToDo);
        }
        // Who has lost the lock, the events tell.
        for task in found.living().into_iter().filter(|task| found.owner.is_some_and(|owner| owner != *task)) {
            let name = format!("end task {task}, which holds the lock no more, with its CPI calls");
            operator.step(&name, kill_named_task::end(operator, &found, task)).await?;
        }
        if !orphans.is_empty() {
            operator.step("end the CPI calls of dead tasks", kill(operator, &orphans)).await?;
        }
        if !wrong.is_empty() {
            operator.step(&format!("set the clocks of {}", wrong.join(", ")), set_clocks(operator, &wrong)).await?;
        }
        holder_finishes(operator).await?;
        let leaked = survey::leaked(operator).await?;
        if !leaked.is_empty() {
            operator.step(&format!("delete {} VMs that nobody knows", leaked.len()), delete(operator, &leaked)).await?;
        }
        if Survey::take(operator).await?.last_deploy != "done" {
            operator.step("deploy", deploy(operator)).await?;
        }
        Ok(Conclusion::Done)
    }
}

/// Waits until no task of the deployment is open.
async fn holder_finishes(operator: &Operator<'_>) -> Result<()> {
    let sql = format!(
        "SELECT id, state FROM tasks WHERE deployment_name = '{PAASTA}'
         AND state IN ('queued', 'processing', 'cancelling')"
    );
    until_none(operator, "the lock's holder to finish", LIMIT, &sql).await
}

/// The workers whose clocks are wrong, each `PID NAME`.
async fn wrong_clocks(operator: &Operator<'_>) -> Result<Vec<String>> {
    Ok(shell(operator, WRONG_CLOCKS).await?.lines().map(str::to_owned).collect())
}

/// Sets the clocks and has the workers begin anew by them, each after the job that it has.
async fn set_clocks(operator: &Operator<'_>, wrong: &[String]) -> Result<()> {
    for (pid, name) in wrong.iter().filter_map(|worker| worker.split_once(' ')) {
        let script = format!("rm -f /var/vcap/jobs/director/skew.{name}; kill -TERM {pid} 2>/dev/null || true");
        shell(operator, &script).await?;
    }
    poll::until("the workers to begin anew", LIMIT, || async {
        match wrong_clocks(operator).await {
            Ok(left) if left.is_empty() => Look::Ready(()),
            Ok(left) => Look::NotYet(left.join(", ")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await
}
