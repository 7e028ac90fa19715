//! The report's first step for one of Consul's servers.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::consul;

/// Restarts one server's agent, whatever is wrong.
#[derive(Debug)]
pub(crate) struct RestartServer {
    pub(crate) node: &'static str,
}

impl fmt::Display for RestartServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "restart Consul on {}", self.node)
    }
}

#[async_trait]
impl Runbook for RestartServer {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step(&format!("restart Consul on {}", self.node), consul::restart(operator, self.node)).await?;
        Ok(Conclusion::Done)
    }
}
