//! The report's fourth step: `killall etcd`.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{Setup, words::PORT_TAKEN},
    etcd,
    survey::{Found, Survey},
    vm,
};

/// Ends each etcd that its supervisor does not know, and has the supervisor start its own.
/// The data stay as they are.
#[derive(Debug)]
pub(crate) struct KillallEtcd {
    pub(crate) setup: Setup,
}

impl fmt::Display for KillallEtcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("killall etcd where its supervisor does not know it, and start it by the supervisor")
    }
}

/// Whether an earlier run has ended the orphan, and nothing has started since.
fn is_ended(found: &Found) -> bool {
    found.up && found.status.is_err() && found.last_words.contains(PORT_TAKEN)
}

#[async_trait]
impl Runbook for KillallEtcd {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        let concerned = survey.members.iter().filter(|found| found.is_orphan() || is_ended(found));
        let nodes: Vec<_> = concerned.map(|found| found.node).collect();
        if nodes.is_empty() {
            let why = format!("every etcd that listens is its supervisor's: {}", survey.says());
            return Ok(Conclusion::Refused { why });
        }
        for node in nodes {
            if survey.of(node).is_some_and(Found::is_orphan) {
                operator.step(&format!("killall etcd on {node}"), vm::killall(operator, node, "etcd")).await?;
            }
            operator.step(&format!("monit start etcd on {node}"), etcd::start(operator, self.setup, node)).await?;
        }
        Ok(Conclusion::Done)
    }
}
