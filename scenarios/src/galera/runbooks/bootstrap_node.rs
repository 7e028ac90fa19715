//! Wrong: to bootstrap the node that happens to be at hand.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::survey::{self, START};

/// Bootstraps one given node. Refuses where another one is ahead of it; forced, it
/// throws away what that one had acknowledged.
#[derive(Debug)]
pub(crate) struct BootstrapNode {
    pub(crate) node: &'static str,
    pub(crate) force: bool,
}

impl fmt::Display for BootstrapNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bootstrap {}{}", self.node, if self.force { " whatever the others hold" } else { "" })
    }
}

#[async_trait]
impl Runbook for BootstrapNode {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let Self { node, force } = *self;
        let off = operator.off().await?;
        if !off.is_empty() && !force {
            return Ok(Conclusion::Refused { why: format!("what {} holds is not known: off", off.join(", ")) });
        }
        // Can be read beside a stuck server, so that a refusal changes nothing.
        let own = survey::position(operator, node).await?;
        for (other, position) in survey::positions(operator).await? {
            let ahead = position.history != own.history || position.seqno > own.seqno;
            if ahead && !force {
                return Ok(Conclusion::Refused { why: format!("{other} is at {position}, {node} only at {own}") });
            }
        }
        let nodes = operator.nodes();
        operator.step("kill every server", survey::kill_all(operator, &nodes)).await?;
        operator.step(&format!("bootstrap {node}"), survey::bootstrap(operator, node)).await?;
        Ok(Conclusion::Done)
    }
}

/// Starts the nodes that are down and waits until all serve. It believes the status
/// that they show.
#[derive(Debug)]
pub(crate) struct JoinRest;

impl fmt::Display for JoinRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("start the nodes that are down")
    }
}

#[async_trait]
impl Runbook for JoinRest {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let nodes = operator.nodes();
        for node in &nodes {
            operator.step(&format!("start {node}"), survey::start(operator, node)).await?;
        }
        survey::until_serving(operator, &nodes, nodes.len(), START).await?;
        Ok(Conclusion::Done)
    }
}
