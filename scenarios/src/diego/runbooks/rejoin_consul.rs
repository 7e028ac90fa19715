//! The recovery of a single server of Consul's that has lost its data, or has other ones.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    consul::{self, DATA, START, Servers},
    vm,
};

/// Stops one server, removes its copy of the data, and starts it: the leader sends it
/// everything. Only beside a quorum of others.
#[derive(Debug)]
pub(crate) struct RejoinServer {
    pub(crate) node: &'static str,
}

impl fmt::Display for RejoinServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wipe Consul's data on {} alone, and let it join the others again", self.node)
    }
}

#[async_trait]
impl Runbook for RejoinServer {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let (node, servers) = (self.node, Servers::take(operator).await?);
        if servers.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        let others: Vec<_> = servers.0.iter().filter(|server| server.node != node && server.is_led()).collect();
        let are_quorum = others.len() > servers.0.len() / 2 && others.iter().all(|led| led.leader == others[0].leader);
        if !are_quorum {
            return Ok(Conclusion::Refused { why: format!("there is no quorum beside {node}: {}", servers.says()) });
        }
        if servers.down().contains(&node) {
            operator.step(&format!("switch {node} on"), operator.power_on(node)).await?;
        }
        operator.step(&format!("stop Consul on {node}"), consul::stop(operator, node)).await?;
        operator.step(&format!("wipe {node}"), wipe(operator, node)).await?;
        operator.step(&format!("start Consul on {node}"), consul::start(operator, node)).await?;
        operator.step("wait until all are led and vote", consul::until_whole(operator, START)).await?;
        Ok(Conclusion::Done)
    }
}

/// Its keys and its id stay.
async fn wipe(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::must(!vm::runs(operator, node, "consul").await?, format!("Consul still runs on {node}"))?;
    vm::shell(operator, node, &format!("rm -rf {DATA}/raft")).await.map(drop)
}
