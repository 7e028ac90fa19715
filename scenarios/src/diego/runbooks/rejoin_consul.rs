//! The recovery of a single server of Consul's that has lost its data, or has other ones.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    consul::{self, DATA, START, Servers},
    vm,
};

/// For so long the others may be without a leader before they count as no quorum: two
/// elections. A server that has led on its own just now can cost them theirs.
const ELECTION: Duration = Duration::from_secs(8);

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
        let node = self.node;
        let what = format!("a quorum beside {node}");
        let known = poll::until(&what, ELECTION, || async {
            match Servers::take(operator).await {
                Ok(servers) if servers.is_whole() || is_quorum_beside(&servers, node) => Look::Ready(servers),
                Ok(servers) => Look::NotYet(servers.says()),
                Err(error) => Look::Never(error),
            }
        });
        let servers = match known.await {
            Err(Error::Failed(why)) => return Ok(Conclusion::Refused { why }),
            known => known?,
        };
        if servers.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        if servers.down().contains(&node) {
            operator.step(&format!("switch {node} on"), operator.power_on(node)).await?;
        }
        operator.step(&format!("stop Consul on {node}"), consul::stop(operator, node)).await?;
        operator.step(&format!("wipe {node}"), wipe(operator, node)).await?;
        operator.step(&format!("start Consul on {node}"), consul::start(operator, node)).await?;
        operator.step("have it meet every agent", consul::meet(operator, node)).await?;
        operator.step("wait until all are led and vote", consul::until_whole(operator, START)).await?;
        Ok(Conclusion::Done)
    }
}

/// Stops a server that leads a cluster of its own, before the network is mended: once it
/// sees the others it takes them in as its peers, and overwrites what they have (measured).
#[derive(Debug)]
pub(crate) struct StopServer {
    pub(crate) node: &'static str,
}

impl fmt::Display for StopServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stop Consul on {}", self.node)
    }
}

#[async_trait]
impl Runbook for StopServer {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let node = self.node;
        operator.step(&format!("stop Consul on {node}"), consul::stop(operator, node)).await?;
        Ok(Conclusion::Done)
    }
}

/// Whether most servers follow one leader, without that one.
fn is_quorum_beside(servers: &Servers, node: &str) -> bool {
    let others: Vec<_> = servers.0.iter().filter(|server| server.node != node && server.is_led()).collect();
    others.len() > servers.0.len() / 2 && others.iter().all(|led| led.leader == others[0].leader)
}

/// Its keys and its id stay.
async fn wipe(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::must(!vm::runs(operator, node, "consul").await?, format!("Consul still runs on {node}"))?;
    vm::shell(operator, node, &format!("rm -rf {DATA}/raft")).await.map(drop)
}
