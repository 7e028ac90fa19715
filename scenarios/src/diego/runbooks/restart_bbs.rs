//! The report's first step for the BBS.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{super::BBSES, vm};

/// Restarts all BBSes, whatever is wrong.
#[derive(Debug)]
pub(crate) struct RestartBbs;

impl fmt::Display for RestartBbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("restart the BBSes")
    }
}

#[async_trait]
impl Runbook for RestartBbs {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        for node in BBSES {
            operator.step(&format!("restart the BBS on {node}"), vm::monit(operator, node, "restart", "bbs")).await?;
        }
        Ok(Conclusion::Done)
    }
}
