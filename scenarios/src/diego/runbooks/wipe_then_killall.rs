//! The report's second and fourth steps in the order in which it gives them.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{etcd, vm};

/// Wrong: stops etcd by its supervisor, deletes its data, starts it; and as that does not
/// help, `killall etcd`. The orphan goes on with deleted files until it is killed, and the
/// others still believe that this member has what it had.
#[derive(Debug)]
pub(crate) struct WipeThenKillall {
    pub(crate) node: &'static str,
    /// Also under an etcd that runs.
    pub(crate) forced: bool,
}

impl fmt::Display for WipeThenKillall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wipe etcd's data on {}, and then killall etcd", self.node)
    }
}

#[async_trait]
impl Runbook for WipeThenKillall {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let node = self.node;
        let listens = vm::shell(operator, node, "ss -Hltn 'sport = :7001'").await?;
        if !self.forced && !listens.is_empty() {
            return Ok(Conclusion::Refused {
                why: format!("an etcd runs on {node}: it would go on with deleted files"),
            });
        }
        operator.step("monit stop etcd", vm::monit(operator, node, "stop", "etcd")).await?;
        operator.step("delete its data", etcd::delete(operator, node)).await?;
        operator.step("monit start etcd", vm::monit(operator, node, "start", "etcd")).await?;
        operator.step("killall etcd", vm::killall(operator, node, "etcd")).await?;
        Ok(Conclusion::Done)
    }
}
