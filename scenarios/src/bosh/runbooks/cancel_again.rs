//! What is tried first, and does not help.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{bosh, survey::Survey};

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
