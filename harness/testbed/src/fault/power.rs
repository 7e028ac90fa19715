//! Machines that lose power and get it back.

use std::fmt;

use async_trait::async_trait;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::{Testbed, alive::alive};
use reenact_core::Result;

/// Machines lose power at the same moment: every process of theirs is gone with no
/// chance to say so, and their disks keep what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerOff {
    /// The nodes.
    pub nodes: Vec<String>,
}

/// Machines are shut down in order: SIGTERM to their first process, and SIGKILL to
/// those that are not down after `grace`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutDown {
    /// The nodes, the first one first; each is down before the next one is asked.
    pub nodes: Vec<String>,
    /// How many seconds each one has.
    pub grace_s: u16,
}

/// Machines get their power back, one after another in the order given; each boots
/// and starts its services by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerOn {
    /// The nodes, the first one first.
    pub nodes: Vec<String>,
}

impl PowerOff {
    /// For these nodes.
    pub fn of(nodes: &[&str]) -> Self {
        Self { nodes: nodes.iter().map(|&node| node.into()).collect() }
    }
}

impl PowerOn {
    /// For these nodes, in this order.
    pub fn of(nodes: &[&str]) -> Self {
        Self { nodes: nodes.iter().map(|&node| node.into()).collect() }
    }
}

impl fmt::Display for PowerOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} without power", self.nodes.join(", "))
    }
}

impl fmt::Display for ShutDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} shut down", self.nodes.join(", then "))
    }
}

impl fmt::Display for PowerOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} powered on", self.nodes.join(", then "))
    }
}

/// The effect that exactly so many of the nodes have a process that lives, by the kernel's word:
/// none of the machines that are off.
///
/// # Errors
/// [`reenact_core::Error::Inconclusive`] if the kernel cannot be asked.
pub async fn with_processes(bed: &Testbed, nodes: &[String], expected: usize) -> Result<Effect> {
    let running = running(bed, nodes).await?;
    Ok(Effect::new(running.len() == expected, format!("with processes: [{}]", running.join(", "))))
}

/// Which of the nodes have a process that lives.
async fn running(bed: &Testbed, nodes: &[String]) -> Result<Vec<String>> {
    let mut running = Vec::new();
    for node in nodes {
        if !alive(bed, bed.node(node)?).await?.is_empty() {
            running.push(node.clone());
        }
    }
    Ok(running)
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for PowerOff {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let nodes = self.nodes.iter().map(|node| bed.node(node)).collect::<Result<Vec<_>>>()?;
        try_join_all(nodes.into_iter().map(|node| node.signal("SIGKILL"))).await?;
        Ok(Undo::none())
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        with_processes(system.bed(), &self.nodes, 0).await
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for ShutDown {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        for node in &self.nodes {
            bed.node(node)?.stop(self.grace_s.into()).await?;
        }
        Ok(Undo::none())
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        with_processes(system.bed(), &self.nodes, 0).await
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for PowerOn {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        for node in &self.nodes {
            bed.node(node)?.start().await?;
        }
        Ok(Undo::none())
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        with_processes(system.bed(), &self.nodes, self.nodes.len()).await
    }

    fn is_lasting(&self) -> bool {
        true
    }
}
