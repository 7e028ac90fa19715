//! The recovery of an nginx whose workers have outlived their master.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{super::VM, survey};

/// Ends workers that have no master, so that the start that monit tries again and again
/// finds its port free. They may finish what they are at first.
#[derive(Debug)]
pub(crate) struct EndOrphanedWorkers;

impl fmt::Display for EndOrphanedWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end nginx's workers that have no master, and let monit start it")
    }
}

/// nginx's master, as pgrep finds it.
pub(super) const MASTER: &str = "^nginx: master process";
/// Its workers.
pub(super) const WORKER: &str = "^nginx: worker process";

#[async_trait]
impl Runbook for EndOrphanedWorkers {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if runs(operator, MASTER).await? {
            return with_master(operator).await;
        }
        if !runs(operator, WORKER).await? {
            return serves_or(operator, "nginx has no workers either: that it does not start has another cause").await;
        }
        operator.step("end the workers", end_workers(operator)).await?;
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

pub(super) async fn runs(operator: &Operator<'_>, pattern: &str) -> Result<bool> {
    Ok(operator.run(VM, &["pgrep", "-f", pattern]).await?.code == 0)
}

/// SIGQUIT lets a worker finish its requests. A master that monit has started meanwhile is
/// not touched, nor its workers: none is started while the port is taken.
async fn end_workers(operator: &Operator<'_>) -> Result<()> {
    let script = format!(
        "pkill -QUIT -f '{WORKER}'; timeout 5 bash -c \"while pgrep -f '{WORKER}' >/dev/null; do sleep 0.1; done\" \
            || pgrep -f '{MASTER}' >/dev/null || pkill -KILL -f '{WORKER}'; true"
    );
    operator.must(VM, &["bash", "-c", &script]).await.map(drop)
}
