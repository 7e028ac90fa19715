//! The row of a lock is deleted.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::manifest::PAASTA_LOCK,
    bosh::psql,
    survey::{self, Survey},
};

/// Deletes the deployment's lock. That is right only where nobody lives who believes to
/// hold it, and harms where somebody does: the next deploy makes the same VMs beside it.
#[derive(Debug)]
pub(crate) struct DeleteLock {
    /// Whoever holds it.
    pub(crate) forced: bool,
}

impl fmt::Display for DeleteLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.forced { "delete the lock's row, whoever holds it" } else { "delete the lock's row" })
    }
}

#[async_trait]
impl Runbook for DeleteLock {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let Some(row) = &found.lock else { return Ok(Conclusion::NothingToDo) };
        if self.forced {
            let sql = format!("DELETE FROM locks WHERE name = '{PAASTA_LOCK}'");
            operator.step("delete the lock's row", psql(operator, &sql)).await?;
            return Ok(Conclusion::Done);
        }
        let orphans = survey::orphans(operator).await?.len();
        if let Some(why) = objection(&found, orphans) {
            return Ok(Conclusion::Refused { why });
        }
        operator.step("delete the lock's row", delete(operator, row)).await?;
        Ok(Conclusion::Done)
    }
}

/// Why the row must stay.
fn objection(found: &Survey, orphans: usize) -> Option<String> {
    let living = found.living();
    match found.owner {
        Some(task) if found.of(task).next().is_some() => {
            Some(format!("task {task} holds it, by the events, and its processes live: end them, not the lock"))
        }
        _ if !living.is_empty() => Some(format!("tasks {living:?} of the deployment live: end them first")),
        _ if orphans > 0 => Some(format!("{orphans} CPI calls of dead tasks are in flight: end them first")),
        _ => None,
    }
}

/// Deletes exactly the row that was looked at: had it been renewed or taken over since,
/// somebody lives.
async fn delete(operator: &Operator<'_>, row: &str) -> Result<()> {
    let fields: Vec<_> = row.split('|').collect();
    let [id, uid, _, expired_at] = fields[..] else {
        return Err(Error::failed(format!("this is no row of {PAASTA_LOCK}: {row}")));
    };
    let sql =
        format!("DELETE FROM locks WHERE id = {id} AND uid = '{uid}' AND expired_at = '{expired_at}' RETURNING id");
    match psql(operator, &sql).await?.len() {
        1 => Ok(()),
        _ => Err(Error::failed(format!("{PAASTA_LOCK} was renewed or taken over meanwhile: somebody holds it"))),
    }
}
