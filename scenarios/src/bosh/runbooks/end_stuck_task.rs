//! The recovery in the safe order: the process that hangs is ended, not its lock.

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};
use serde_json::{Value, json};

use super::{
    super::{
        Pace,
        manifest::{self, PAASTA, PAASTA_LOCK},
    },
    bosh::{self, psql, shell, until_none},
    survey::{self, Survey},
};

/// How long the director may take for anything that does not hang.
const LIMIT: Duration = Duration::from_secs(20);

/// No task that gets on is without a word for so many seconds of production, twice.
const WINDOW: u64 = 60;

/// How many seconds of production a cancel is waited for: one that is noticed is within
/// two.
const CANCEL: u64 = 30;

/// Identifies whose the lock is, proves twice that nothing gets on, cancels, ends the CPI
/// calls that hang and, if need be, the task's process with its worker, waits until the
/// lock is given back or has expired, reconciles the IaaS, corrects the cloud-config, and
/// deploys.
#[derive(Debug)]
pub(crate) struct EndStuckTask {
    /// The director's pace.
    pub(crate) pace: Pace,
}

impl fmt::Display for EndStuckTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end the stuck tasks' CPI calls, correct the cloud-config, deploy again")
    }
}

#[async_trait]
impl Runbook for EndStuckTask {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let living = found.living();
        if let Some(why) = self.objection(operator, &found, &living).await? {
            return Ok(Conclusion::Refused { why });
        }
        let is_right = cloud_config(operator).await? == manifest::right_cloud_config();
        let orphans = survey::orphans(operator).await?;
        let is_idle = found.open.is_empty() && found.lock.is_none() && orphans.is_empty();
        let is_quiet = is_idle && survey::leaked(operator).await?.is_empty();
        if is_quiet && is_right && found.last_deploy == "done" {
            return Ok(Conclusion::NothingToDo);
        }
        self.end(operator, &found, &living).await?;
        let orphans = survey::orphans(operator).await?;
        if !orphans.is_empty() {
            let name = format!("end the {} CPI calls of dead tasks", orphans.len());
            operator.step(&name, kill(operator, &orphans)).await?;
        }
        lock_is_free(operator, self.pace).await?;
        let leaked = survey::leaked(operator).await?;
        if !leaked.is_empty() {
            operator.step(&format!("delete {} VMs that nobody knows", leaked.len()), delete(operator, &leaked)).await?;
        }
        if !is_right {
            let right = manifest::right_cloud_config();
            let fix = bosh::must(operator, "POST", "/cloud_configs", Some(&right));
            operator.step("correct the cloud-config", fix).await?;
        }
        operator.step("deploy", deploy(operator)).await?;
        Ok(Conclusion::Done)
    }
}

impl EndStuckTask {
    /// Why it would be wrong to end these tasks: they get on.
    async fn objection(
        &self,
        operator: &Operator<'_>,
        found: &Survey,
        living: &BTreeSet<u64>,
    ) -> Result<Option<String>> {
        if let (Some(lock), None) = (&found.lock, found.owner) {
            return Ok(Some(format!("the lock {lock} is nobody's by the events: find out whose it is")));
        }
        let ended = survey::ended_and_living(operator, self.pace.production(WINDOW)).await?;
        if let Some((task, state)) = ended.first_key_value() {
            return Ok(Some(format!("task {task} is {state}, and its process lives: end that process first")));
        }
        let before = survey::progress(operator, living).await?;
        for _ in 0..2 {
            if living.is_empty() {
                break;
            }
            tokio::time::sleep(self.pace.production(WINDOW)).await;
            let after = survey::progress(operator, living).await?;
            if let Some(task) = living.iter().find(|task| before.get(task) != after.get(task)) {
                return Ok(Some(format!("task {task} gets on: its debug log has grown")));
            }
        }
        let idle = living.iter().find(|task| found.of(**task).all(|process| process.role != "cpi"));
        Ok(idle.map(|task| format!("task {task} waits for no CPI call: find out what it waits for")))
    }

    /// Ends the tasks that hang, each step only where the one before did not do.
    async fn end(&self, operator: &Operator<'_>, found: &Survey, living: &BTreeSet<u64>) -> Result<()> {
        for (task, _) in found.open.iter().filter(|(_, state)| matches!(state.as_str(), "queued" | "processing")) {
            let path = format!("/task/{task}");
            operator.step(&format!("cancel task {task}"), bosh::ask(operator, "DELETE", &path, None)).await?;
        }
        let open = |tasks: &BTreeSet<u64>| {
            let ids: Vec<_> = tasks.iter().map(u64::to_string).collect();
            let ids = ids.join(", ");
            // They live: one that is called `timeout` has not ended either.
            format!(
                "SELECT id, state FROM tasks WHERE id IN ({ids})
                 AND state IN ('queued', 'processing', 'cancelling', 'timeout')"
            )
        };
        if living.is_empty() {
            return self.forget_the_dead(operator).await;
        }
        let wait = self.pace.production(CANCEL).max(Duration::from_millis(500));
        if until_none(operator, "the cancel to be noticed", wait, &open(living)).await.is_ok() {
            return self.forget_the_dead(operator).await;
        }
        // Looked at anew: a call that has ended meanwhile has left its pid to somebody else.
        let calls = Survey::take(operator).await?.pids(living, "cpi");
        if !calls.is_empty() {
            let name = format!("end the {} CPI calls that hang", calls.len());
            operator.step(&name, kill(operator, &calls)).await?;
        }
        if until_none(operator, "the tasks to end", LIMIT / 4, &open(living)).await.is_ok() {
            return self.forget_the_dead(operator).await;
        }
        operator.step("end the tasks' processes, with their workers", self.end_workers(operator, living)).await?;
        self.forget_the_dead(operator).await
    }

    /// Stops the workers of these tasks, their jobs and every CPI call of theirs, and
    /// starts them again under the same names.
    async fn end_workers(&self, operator: &Operator<'_>, living: &BTreeSet<u64>) -> Result<()> {
        let found = Survey::take(operator).await?;
        let jobs = found.processes.iter().filter(|process| process.role == "run-job" && living.contains(&process.task));
        let workers: BTreeSet<_> = jobs.filter_map(|job| job.worker().map(str::to_owned)).collect();
        for worker in &workers {
            shell(operator, &format!("monit stop {worker}")).await?;
        }
        poll::until("the tasks' processes to end", LIMIT, || gone(operator, living)).await?;
        for worker in &workers {
            shell(operator, &format!("monit start {worker}")).await?;
        }
        Ok(())
    }

    /// A task whose process is gone becomes `cancelled` by its worker, or `timeout` by
    /// whoever asks for it.
    async fn forget_the_dead(&self, operator: &Operator<'_>) -> Result<()> {
        let open = format!(
            "SELECT id FROM tasks WHERE deployment_name = '{PAASTA}'
             AND state IN ('queued', 'processing', 'cancelling')"
        );
        poll::until("the dead tasks to be called so", 2 * LIMIT, || async {
            let tasks = match psql(operator, &open).await {
                Ok(tasks) => tasks,
                Err(error) => return Look::NotYet(error.to_string()),
            };
            for task in &tasks {
                if let Err(error) = bosh::ask(operator, "GET", &format!("/tasks/{task}"), None).await {
                    return Look::NotYet(error.to_string());
                }
            }
            if tasks.is_empty() { Look::Ready(()) } else { Look::NotYet(format!("{tasks:?} are open")) }
        })
        .await
    }
}

/// No lock, or none that is renewed: the safest is to let it expire.
pub(super) async fn lock_is_free(operator: &Operator<'_>, pace: Pace) -> Result<()> {
    let limit = pace.production(241) + LIMIT;
    let sql = format!(
        "SELECT task_id, expired_at FROM locks WHERE name = '{PAASTA_LOCK}'
         AND expired_at > now() AT TIME ZONE 'UTC'"
    );
    until_none(operator, "the lock to be given back or to expire", limit, &sql).await
}

/// Whether these tasks have no process; what is left of their CPI calls is ended.
async fn gone(operator: &Operator<'_>, tasks: &BTreeSet<u64>) -> Look<()> {
    let found = match survey::processes(operator).await {
        Ok(found) => found,
        Err(error) => return Look::NotYet(error.to_string()),
    };
    let left: Vec<_> = found.iter().filter(|process| tasks.contains(&process.task)).collect();
    let calls: Vec<_> = left.iter().filter(|process| process.role == "cpi").map(|one| one.pid.to_string()).collect();
    match kill(operator, &calls).await {
        Ok(()) if left.is_empty() => Look::Ready(()),
        Ok(()) => Look::NotYet(format!("{} processes are left", left.len())),
        Err(error) => Look::NotYet(error.to_string()),
    }
}

/// Kills processes; one that has ended meanwhile is no error.
pub(super) async fn kill(operator: &Operator<'_>, pids: &[String]) -> Result<()> {
    if pids.is_empty() {
        return Ok(());
    }
    shell(operator, &format!("kill -KILL {} 2>/dev/null || true", pids.join(" "))).await.map(drop)
}

/// Deletes VMs by the CPI.
pub(super) async fn delete(operator: &Operator<'_>, cids: &[String]) -> Result<()> {
    for cid in cids {
        let request = json!({"method": "delete_vm", "arguments": [cid], "context": {"request_id": "cpi-operator"}});
        shell(operator, &format!("echo '{request}' | director cpi")).await?;
    }
    Ok(())
}

/// The cloud-config that the next deploy would go by.
async fn cloud_config(operator: &Operator<'_>) -> Result<Value> {
    let sql = "SELECT content FROM configs WHERE type = 'cloud' AND NOT deleted ORDER BY id DESC LIMIT 1";
    let content = psql(operator, sql).await?.join("\n");
    serde_json::from_str(&content).map_err(|error| Error::failed(format!("cannot read the cloud-config: {error}")))
}

/// Deploys, and waits for the task's good end.
pub(super) async fn deploy(operator: &Operator<'_>) -> Result<()> {
    let reply = bosh::must(operator, "POST", "/deployments", Some(&manifest::paasta())).await?;
    let task = reply.task.ok_or_else(|| Error::failed("the director answers a deploy with no task"))?;
    poll::until(&format!("task {task} to be done"), LIMIT, || async {
        let sql = format!("SELECT state, result FROM tasks WHERE id = {task} AND deployment_name = '{PAASTA}'");
        match psql(operator, &sql).await.map(|rows| rows.join("")) {
            Ok(row) if row.starts_with("done|") => Look::Ready(()),
            Ok(row) if row.starts_with("queued|") || row.starts_with("processing|") => Look::NotYet(row),
            Ok(row) => Look::Never(Error::failed(format!("task {task} is {row}"))),
            Err(error) => Look::Never(error),
        }
    })
    .await
}
