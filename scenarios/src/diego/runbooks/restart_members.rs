//! What helps against much, and is tried first.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{ETCDS, Setup},
    etcd,
    survey::Survey,
};

/// Restarts etcd on each machine by its supervisor, the next one when all are led again.
#[derive(Debug)]
pub(crate) struct RestartMembers {
    pub(crate) setup: Setup,
}

impl fmt::Display for RestartMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("restart the members of etcd, one after another")
    }
}

#[async_trait]
impl Runbook for RestartMembers {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        for node in ETCDS {
            let survey = Survey::take(operator, self.setup).await?;
            let others = survey.quorum().into_iter().filter(|found| found.node != node).count();
            if others < ETCDS.len() - 1 {
                return Ok(Conclusion::Refused { why: format!("{node} is needed: {}", survey.says()) });
            }
            operator.step(&format!("stop etcd on {node}"), etcd::stop(operator, node)).await?;
            operator.step(&format!("start etcd on {node}"), etcd::start(operator, self.setup, node)).await?;
        }
        Ok(Conclusion::Done)
    }
}
