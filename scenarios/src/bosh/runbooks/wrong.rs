//! What is tried first, and does not help, or would do harm.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    bosh::{self, psql},
    survey::Survey,
};

/// `bosh cancel-task` of whatever has not ended.
#[derive(Debug)]
pub(crate) struct CancelAgain;

impl fmt::Display for CancelAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancel the task again")
    }
}

#[async_trait]
impl Runbook for CancelAgain {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let Some(task) = found.open.keys().next() else { return Ok(Conclusion::NothingToDo) };
        let path = format!("/task/{task}");
        let reply = operator.step(&format!("cancel task {task}"), bosh::ask(operator, "DELETE", &path, None)).await?;
        match reply.status {
            204 => Ok(Conclusion::Done),
            400 => Ok(Conclusion::Refused { why: format!("the director: {}", reply.body.trim()) }),
            status => Err(Error::failed(format!("DELETE {path}: {status} {}", reply.body))),
        }
    }
}

/// Deletes the deployment's lock of a task that is called `timeout`. That word says only
/// that its checkpoint is old: while it has a process, or a CPI call of its own, the lock
/// is in use.
#[derive(Debug)]
pub(crate) struct DeleteLockOfTimedOut;

impl fmt::Display for DeleteLockOfTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("delete the lock of the task that is called timeout")
    }
}

#[async_trait]
impl Runbook for DeleteLockOfTimedOut {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let Some(row) = &found.lock else { return Ok(Conclusion::NothingToDo) };
        let Some(owner) = found.owner else {
            return Ok(Conclusion::Refused { why: "whose the lock is is not known".into() });
        };
        if let Some(process) = found.of(owner).next() {
            let (role, pid) = (&process.role, process.pid);
            let why = format!("task {owner} lives, whatever it is called: its {role} is process {pid}");
            return Ok(Conclusion::Refused { why });
        }
        operator.step("delete the lock's row, if it is still the same", delete(operator, row)).await?;
        Ok(Conclusion::Done)
    }
}

/// Deletes a row, `id|uid|task_id|expired_at`, unless it was renewed or taken over.
async fn delete(operator: &Operator<'_>, row: &str) -> Result<()> {
    let fields: Vec<_> = row.split('|').collect();
    let [id, uid, _, expired_at] = fields[..] else { return Err(Error::failed(format!("the lock's row is {row:?}"))) };
    let sql =
        format!("DELETE FROM locks WHERE id = {id} AND uid = '{uid}' AND expired_at = '{expired_at}' RETURNING id");
    match psql(operator, &sql).await?.len() {
        1 => Ok(()),
        _ => Err(Error::failed("the lock's row has changed meanwhile: somebody lives")),
    }
}
