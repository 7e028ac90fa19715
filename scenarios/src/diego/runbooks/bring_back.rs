//! The recovery of a quorum whose machines are down.

use std::fmt;

use async_trait::async_trait;
use futures::future::try_join_all;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{ETCDS, Setup},
    etcd,
    survey::Survey,
};

/// Switches on the machines of etcd's members that are down, and touches no other: what
/// still answers has the data.
#[derive(Debug)]
pub(crate) struct BringMembersBack {
    pub(crate) setup: Setup,
}

impl fmt::Display for BringMembersBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("switch etcd's machines on that are down, and touch no other")
    }
}

#[async_trait]
impl Runbook for BringMembersBack {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        let down: Vec<_> = survey.members.iter().filter(|found| !found.up).map(|found| found.node).collect();
        if !down.is_empty() {
            let on = try_join_all(down.iter().map(|node| operator.power_on(node)));
            operator.step(&format!("switch on {}", down.join(", ")), on).await?;
        }
        // Just switched on they may be on their way.
        let led = try_join_all(ETCDS.map(|node| etcd::until_led(operator, self.setup, node)));
        match operator.step("wait until all are led", led).await {
            Err(Error::Failed(why)) if down.is_empty() => Ok(Conclusion::Refused { why: format!("all are up: {why}") }),
            led => led.map(|_| Conclusion::Done),
        }
    }
}
