//! The recovery from a task that works on without its lock: it is ended, and whoever has
//! the lock is left alone.

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{Pace, manifest::PAASTA_LOCK},
    bosh::psql,
    end_stuck_task::kill,
    survey::{self, Survey},
};

/// How long a process may take to end once what it waits for is gone.
const LIMIT: Duration = Duration::from_secs(5);

/// A task without its lock that stops by itself does so within so many seconds of
/// production.
const STOPS: u64 = 30;

/// Ends every task that had the deployment's lock, has it no more and works on: its CPI
/// calls first, its own process if that is not enough. Neither the lock nor its present
/// owner is touched.
#[derive(Debug)]
pub(crate) struct EndZombie {
    /// The director's pace.
    pub(crate) pace: Pace,
}

impl fmt::Display for EndZombie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end the task that lost its lock, and it alone")
    }
}

#[async_trait]
impl Runbook for EndZombie {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let before = zombies(operator).await?;
        tokio::time::sleep(self.pace.production(STOPS).max(Duration::from_millis(500))).await;
        let found = Survey::take(operator).await?;
        let zombies: BTreeSet<_> = zombies(operator).await?.intersection(&before).copied().collect();
        if zombies.is_empty() {
            return Ok(Conclusion::NothingToDo);
        }
        let calls = found.pids(&zombies, "cpi");
        let name = format!("end the {} CPI calls of {zombies:?}", calls.len());
        operator.step(&name, kill(operator, &calls)).await?;
        if ended(operator, &zombies).await.is_err() {
            let jobs = found.pids(&zombies, "run-job");
            operator.step(&format!("end the processes of {zombies:?}"), kill(operator, &jobs)).await?;
            ended(operator, &zombies).await?;
        }
        match found.owner {
            Some(owner) => undisturbed(operator, owner).await,
            None => Ok(Conclusion::Done),
        }
    }
}

/// The tasks that live, once had the lock, and do not have it, by the events.
async fn zombies(operator: &Operator<'_>) -> Result<BTreeSet<u64>> {
    let found = Survey::take(operator).await?;
    let sql = format!(
        "SELECT DISTINCT task FROM events WHERE object_type = 'lock' AND object_name = '{PAASTA_LOCK}'
         AND action = 'acquire'"
    );
    let had: BTreeSet<u64> = psql(operator, &sql).await?.iter().filter_map(|task| task.parse().ok()).collect();
    let is_zombie = |task: &u64| had.contains(task) && found.owner != Some(*task);
    Ok(found.living().into_iter().filter(is_zombie).collect())
}

/// Waits until these tasks have no process of any kind.
async fn ended(operator: &Operator<'_>, tasks: &BTreeSet<u64>) -> Result<()> {
    poll::until("the zombie's processes to end", LIMIT, || async {
        match survey::processes(operator).await {
            Ok(all) => match all.iter().filter(|process| tasks.contains(&process.task)).count() {
                0 => Look::Ready(()),
                some => Look::NotYet(format!("{some} are left")),
            },
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await
}

/// The lock's owner must not have lost it by what was done.
async fn undisturbed(operator: &Operator<'_>, owner: u64) -> Result<Conclusion> {
    let sql =
        format!("SELECT id FROM events WHERE object_name = '{PAASTA_LOCK}' AND action = 'lost' AND task = '{owner}'");
    match psql(operator, &sql).await?.first() {
        None => Ok(Conclusion::Done),
        Some(event) => Err(Error::failed(format!("task {owner} has lost the lock too: event {event}"))),
    }
}
