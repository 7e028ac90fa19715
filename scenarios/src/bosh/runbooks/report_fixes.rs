//! The three fixes that the report names, as they are written there. None of them looks
//! at the CPI calls or at the cloud-config.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};
use serde_json::json;

use super::{
    super::{DIRECTOR, manifest::PAASTA_LOCK},
    bosh::{self, psql, shell, until_none},
};

/// How long monit, which looks once a second, or a boot may take for all the jobs.
const LIMIT: Duration = Duration::from_secs(40);

/// Prints the jobs that do not run, as `monit summary` does.
const AWAY: &str = "
for job in /var/vcap/monit/job/*.monitrc; do
  name=$(basename $job .monitrc)
  kill -0 \"$(cat /var/vcap/sys/run/director/$name.pid 2>/dev/null)\" 2>/dev/null || echo \"$name does not run\"
done";

/// Fix 1: `monit stop all`, only PostgreSQL, delete the lock's row, `monit start all`.
/// What ends the task is the stop; the CPI's processes outlive it.
#[derive(Debug)]
pub(crate) struct FixDeleteLock;

/// Fix 2: `monit stop all`, `bosh cancel-task 100`, `bosh clean-up --all`.
#[derive(Debug)]
pub(crate) struct FixCancelAndCleanUp {
    /// The task that is to be cancelled.
    pub(crate) task: u64,
    /// Not as it is written: the jobs are started again before the CLI is used, which
    /// else finds nobody at the director's address.
    pub(crate) started_again: bool,
}

/// Fix 3: the director is deployed again. Its machine is made anew on the same disk.
#[derive(Debug)]
pub(crate) struct FixRedeployDirector;

impl fmt::Display for FixDeleteLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stop all jobs, delete the lock's row, start all jobs")
    }
}

impl fmt::Display for FixCancelAndCleanUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = if self.started_again { ", start them again" } else { "" };
        write!(f, "stop all jobs{start}, cancel task {}, clean up", self.task)
    }
}

impl fmt::Display for FixRedeployDirector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deploy the director again")
    }
}

#[async_trait]
impl Runbook for FixDeleteLock {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("monit stop all", stop_all(operator)).await?;
        // As the report has it; PostgreSQL, which has a machine of its own here, was never stopped.
        operator.step("monit start postgres", shell(operator, "monit start postgres")).await?;
        let rows = psql(operator, "SELECT id, name FROM locks").await?;
        for id in rows.iter().filter_map(|row| row.strip_suffix(PAASTA_LOCK)?.strip_suffix('|')) {
            let sql = format!("DELETE FROM locks WHERE id = {id}");
            operator.step(&sql, psql(operator, &sql)).await?;
        }
        operator.step("monit start all", start_all(operator)).await?;
        Ok(Conclusion::Done)
    }
}

#[async_trait]
impl Runbook for FixCancelAndCleanUp {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("monit stop all", stop_all(operator)).await?;
        if self.started_again {
            operator.step("monit start all", start_all(operator)).await?;
        }
        let Self { task, .. } = self;
        // A task that is cancelling cannot be cancelled: 400, and on with it.
        let path = format!("/task/{task}");
        operator.step(&format!("bosh cancel-task {task}"), bosh::ask(operator, "DELETE", &path, None)).await?;
        operator.step("bosh clean-up --all", clean_up(operator)).await?;
        Ok(Conclusion::Done)
    }
}

#[async_trait]
impl Runbook for FixRedeployDirector {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("make the director's machine anew", recreate(operator)).await?;
        // That takes a quarter of an hour in production: longer than a lock lives.
        let sql =
            format!("SELECT task_id FROM locks WHERE name = '{PAASTA_LOCK}' AND expired_at > now() AT TIME ZONE 'UTC'");
        until_none(operator, "the lock to expire", LIMIT, &sql).await?;
        Ok(Conclusion::Done)
    }
}

/// `monit stop all`, to its end: monit only notes it, and acts at its next look.
async fn stop_all(operator: &Operator<'_>) -> Result<()> {
    shell(operator, "monit stop all").await?;
    poll::until("every job to be stopped", LIMIT, || async {
        match operator.run(DIRECTOR, &["pgrep", "-af", "director (serve|worker|run-job)"]).await {
            Ok(found) if found.code == 1 => Look::Ready(()),
            Ok(found) => Look::NotYet(found.text),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// `monit start all`, likewise.
async fn start_all(operator: &Operator<'_>) -> Result<()> {
    shell(operator, "monit start all").await?;
    until_up(operator).await
}

/// Waits until every job runs and the API answers.
async fn until_up(operator: &Operator<'_>) -> Result<()> {
    poll::until("every job to run", LIMIT, || async {
        let away = match shell(operator, AWAY).await {
            Ok(away) if away.is_empty() => bosh::must(operator, "GET", "/info", None).await.map(|_| String::new()),
            away => away,
        };
        match away {
            Ok(away) if away.is_empty() => Look::Ready(()),
            Ok(away) => Look::NotYet(away),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await
}

/// `bosh clean-up --all`, to its task's end.
async fn clean_up(operator: &Operator<'_>) -> Result<()> {
    let config = json!({"config": {"keep_orphaned_disks": false, "remove_all": true}});
    let reply = bosh::must(operator, "POST", "/cleanup", Some(&config)).await?;
    let task = reply.task.ok_or_else(|| Error::failed("the director answers a clean-up with no task"))?;
    let sql = format!("SELECT state FROM tasks WHERE id = {task} AND state IN ('queued', 'processing')");
    until_none(operator, "the clean-up to end", LIMIT, &sql).await
}

/// Stops the machine and has it boot again with the disk that it had.
async fn recreate(operator: &Operator<'_>) -> Result<()> {
    if operator.is_up(DIRECTOR).await? {
        operator.run(DIRECTOR, &["kill", "-TERM", "1"]).await?;
        poll::until("the director's machine to be off", LIMIT, || async {
            match operator.is_up(DIRECTOR).await {
                Ok(false) => Look::Ready(()),
                Ok(true) => Look::NotYet("it is up".into()),
                Err(error) => Look::Never(error),
            }
        })
        .await?;
    }
    operator.power_on(DIRECTOR).await?;
    until_up(operator).await
}
