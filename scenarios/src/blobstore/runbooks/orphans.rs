//! The recovery of an nginx whose workers have outlived their master.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    survey,
    workers::{self, MASTER, WORKER},
};

/// Ends workers that have no master, so that the start that monit tries again and again
/// finds its port free. They may finish what they are at first. Where monit sees nothing amiss, and
/// would start none, the jobs are restarted: a pid file that names another process has it stay with
/// that one, even once the file is gone (measured with monit 5.33).
#[derive(Debug)]
pub(crate) struct EndOrphanedWorkers;

impl fmt::Display for EndOrphanedWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end nginx's workers that have no master, and let monit start it")
    }
}

#[async_trait]
impl Runbook for EndOrphanedWorkers {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if workers::runs(operator, MASTER).await? {
            return with_master(operator).await;
        }
        if !workers::runs(operator, WORKER).await? {
            return serves_or(operator, "nginx has no workers either: that it does not start has another cause").await;
        }
        if let Some(line) = workers::complaint(operator).await? {
            let why = format!("the workers hold nginx's port, and without them it would not start either: {line}");
            return Ok(Conclusion::Refused { why });
        }
        if survey::monit_sees_all(operator).await? {
            operator.step("restart the jobs, for monit sees none that is gone", survey::restart(operator)).await?;
            survey::until_serving(operator).await?;
            return Ok(Conclusion::Done);
        }
        operator.step("end the workers", workers::end(operator)).await?;
        operator.step("wait until monit has started nginx", survey::until_serving(operator)).await?;
        Ok(Conclusion::Done)
    }
}

/// A master has the port, so no orphan does. It may be a moment old: monit looks once a second.
async fn with_master(operator: &Operator<'_>) -> Result<Conclusion> {
    if !survey::stores_now(operator).await? {
        let why = "nginx has its master: that it does not serve has another cause".into();
        return Ok(Conclusion::Refused { why });
    }
    serves_or(operator, "nginx has its master, and stores blobs").await
}

/// Nothing is to be done if it comes to serve by itself, as after an earlier call.
async fn serves_or(operator: &Operator<'_>, found: &str) -> Result<Conclusion> {
    match survey::until_serving(operator).await {
        Ok(()) => Ok(Conclusion::NothingToDo),
        Err(Error::Failed(why)) => Ok(Conclusion::Refused { why: format!("{found}: {why}") }),
        Err(error) => Err(error),
    }
}
