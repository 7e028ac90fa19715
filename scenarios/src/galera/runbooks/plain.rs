//! Wrong on a wedge: plain restarts.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::survey::{self, START};

/// Restarts one node of a wedged cluster. It meets the same peers with the same
/// views, so nothing changes.
#[derive(Debug)]
pub(crate) struct RestartOne(pub(crate) &'static str);

impl fmt::Display for RestartOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "restart {}", self.0)
    }
}

#[async_trait]
impl Runbook for RestartOne {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let node = self.0;
        operator.step(&format!("kill {node}"), survey::kill(operator, node)).await?;
        operator.step(&format!("start {node}"), survey::start(operator, node)).await?;
        Ok(Conclusion::Done)
    }
}

/// Restarts all nodes, in the order given, bootstrapping none.
#[derive(Debug)]
pub(crate) struct RestartAll(pub(crate) [&'static str; 3]);

impl fmt::Display for RestartAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "restart all nodes, in the order {}", self.0.join(", "))
    }
}

#[async_trait]
impl Runbook for RestartAll {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("kill every server", survey::kill_all(operator, &self.0)).await?;
        for node in self.0 {
            operator.step(&format!("start {node}"), survey::start(operator, node)).await?;
        }
        Ok(Conclusion::Done)
    }
}

/// Starts a node again as it was started when its cluster was made, which its unit or its
/// configuration still says. A node that was not the last to leave refuses to begin a cluster.
#[derive(Debug)]
pub(crate) struct StartAsFirst(pub(crate) &'static str);

impl fmt::Display for StartAsFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start {} again as the first node of its cluster", self.0)
    }
}

#[async_trait]
impl Runbook for StartAsFirst {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let work = operator.must(self.0, &["galera-node", "start", "--bootstrap"]);
        operator.step(&format!("start {} with --wsrep-new-cluster", self.0), work).await?;
        Ok(Conclusion::Done)
    }
}

/// Stops one node of a wedged cluster by SIGTERM, which it blocks, takes the drain's
/// timeout for a stop, and ends another one.
#[derive(Debug)]
pub(crate) struct StopWithoutKill {
    /// The node that is asked to stop and does not.
    pub(crate) asked: &'static str,
    /// The node whose going lets the others find a primary component.
    pub(crate) odd: &'static str,
}

impl fmt::Display for StopWithoutKill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stop {} by SIGTERM only, then kill {}", self.asked, self.odd)
    }
}

#[async_trait]
impl Runbook for StopWithoutKill {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let Self { asked, odd } = *self;
        let stopped =
            operator.step(&format!("stop {asked}"), operator.run(asked, &["galera-node", "stop", "3"])).await?;
        if stopped.code == 0 {
            return Err(Error::inconclusive(format!("{asked} did stop at SIGTERM: this is no wedge")));
        }
        operator.step(&format!("kill {odd}"), survey::kill(operator, odd)).await?;
        let others: Vec<_> = operator.nodes().into_iter().filter(|node| *node != odd && *node != asked).collect();
        survey::until_serving(operator, &others, 2, START).await?;
        Ok(Conclusion::Done)
    }
}
