//! The next deploy, which whoever has removed a lock does next.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::manifest,
    bosh,
    survey::{self, Survey},
};

/// Wrong, unless nothing of the deployment lives: deploys again, whatever hangs and
/// whatever it hung for. It does not wait for the task's end.
#[derive(Debug)]
pub(crate) struct NextDeploy {
    /// Also beside tasks and CPI calls that live.
    pub(crate) forced: bool,
}

impl fmt::Display for NextDeploy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deploy again, and change nothing else")
    }
}

#[async_trait]
impl Runbook for NextDeploy {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let (living, orphans) = (found.living(), survey::orphans(operator).await?);
        if !self.forced && (!living.is_empty() || !orphans.is_empty()) {
            let count = orphans.len();
            let why = format!("tasks {living:?} live, and {count} CPI calls of dead tasks: they make the same VMs");
            return Ok(Conclusion::Refused { why });
        }
        let paasta = manifest::paasta();
        let deploy = bosh::must(operator, "POST", "/deployments", Some(&paasta));
        operator.step("deploy", deploy).await?;
        Ok(Conclusion::Done)
    }
}
