//! The recovery of a Consul whose machines are down.

use std::fmt;

use async_trait::async_trait;
use futures::future::try_join_all;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::consul::{self, START, Servers};

/// Switches on the machines of Consul's servers that are down, and touches no other: with
/// their votes comes the leader.
#[derive(Debug)]
pub(crate) struct BringServersBack;

impl fmt::Display for BringServersBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("switch Consul's machines on that are down, and touch no other")
    }
}

#[async_trait]
impl Runbook for BringServersBack {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let servers = Servers::take(operator).await?;
        if servers.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        let down = servers.down();
        if !down.is_empty() {
            let on = try_join_all(down.iter().map(|node| operator.power_on(node)));
            operator.step(&format!("switch on {}", down.join(", ")), on).await?;
        }
        // Just switched on they may be on their way.
        match operator.step("wait until all are led and vote", consul::until_whole(operator, START)).await {
            Err(Error::Failed(why)) if down.is_empty() => Ok(Conclusion::Refused { why: format!("all are up: {why}") }),
            whole => whole.map(|()| Conclusion::Done),
        }
    }
}
