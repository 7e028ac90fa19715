//! The task that `bosh locks` names is killed.

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    end_stuck_task::kill,
    survey::{self, Survey},
};

/// How long killed processes may take to be gone.
const LIMIT: Duration = Duration::from_secs(10);

/// Kills the task that the lock's row names, with its CPI calls. After a takeover the row
/// names who inserted it, not who holds it.
#[derive(Debug)]
pub(crate) struct KillNamedTask {
    /// Whoever holds the lock by the events.
    pub(crate) forced: bool,
}

impl fmt::Display for KillNamedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kill the task that `bosh locks` names")
    }
}

#[async_trait]
impl Runbook for KillNamedTask {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let named = found.lock.as_ref().and_then(|row| row.split('|').nth(2)?.parse::<u64>().ok());
        let Some(named) = named else { return Ok(Conclusion::NothingToDo) };
        if let Some(why) = objection(named, found.owner).filter(|_| !self.forced) {
            return Ok(Conclusion::Refused { why });
        }
        operator.step(&format!("kill task {named}"), end(operator, &found, named)).await?;
        Ok(Conclusion::Done)
    }
}

/// Why the task must not be killed: by the events it is not the lock's holder.
fn objection(named: u64, owner: Option<u64>) -> Option<String> {
    match owner {
        Some(owner) if owner == named => None,
        Some(owner) => {
            Some(format!("`bosh locks` names task {named}, but by its acquire event task {owner} holds the lock"))
        }
        None => Some(format!("`bosh locks` names task {named}, but the lock is nobody's by the events")),
    }
}

/// Kills a task's own process and its CPI calls, and waits until they are gone.
pub(super) async fn end(operator: &Operator<'_>, found: &Survey, task: u64) -> Result<()> {
    let only = BTreeSet::from([task]);
    // All in one go: a job whose calls fail first would go on for a moment.
    kill(operator, &[found.pids(&only, "run-job"), found.pids(&only, "cpi")].concat()).await?;
    poll::until(&format!("task {task}'s processes to be gone"), LIMIT, || async {
        match survey::processes(operator).await {
            Ok(left) if left.iter().all(|process| process.task != task) => Look::Ready(()),
            Ok(_) => Look::NotYet("some are left".into()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await
}
