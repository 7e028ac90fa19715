//! The report's first step, on one machine.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::vm;

/// Restarts a machine, whatever is wrong with it.
#[derive(Debug)]
pub(crate) struct RestartMachine {
    pub(crate) node: &'static str,
}

impl fmt::Display for RestartMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "restart {}'s machine", self.node)
    }
}

#[async_trait]
impl Runbook for RestartMachine {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let node = self.node;
        operator.step(&format!("restart {node}"), vm::restart(operator, node)).await?;
        Ok(Conclusion::Done)
    }
}
