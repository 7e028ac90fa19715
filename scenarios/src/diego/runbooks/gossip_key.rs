//! What looks like the cure of different gossip keys, and is none.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{BBSES, CONSULS},
    consul::{self, DATA},
    vm,
};

/// Every agent's keyring, in use whatever the configuration says: a JSON list whose first
/// key encrypts.
pub(super) const KEYRING: &str = "serf/local.keyring";

/// All of Consul's agents.
pub(super) fn agents() -> Vec<&'static str> {
    [&CONSULS[..], &BBSES].concat()
}

/// An agent's keyring, without white space.
pub(super) async fn keyring(operator: &Operator<'_>, node: &str) -> Result<String> {
    vm::shell(operator, node, &format!("tr -d ' \\n' <{DATA}/{KEYRING}")).await
}

/// The first key of a keyring.
pub(super) fn first_key(keyring: &str) -> &str {
    keyring.split('"').nth(1).unwrap_or_default()
}

/// Puts the other servers' key into one agent's configuration, as its property, and
/// restarts it.
#[derive(Debug)]
pub(crate) struct SetGossipKey {
    pub(crate) node: &'static str,
}

impl fmt::Display for SetGossipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set the gossip key of {} in its configuration, and restart it", self.node)
    }
}

#[async_trait]
impl Runbook for SetGossipKey {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let node = self.node;
        let Some(other) = CONSULS.into_iter().find(|other| *other != node) else {
            return Ok(Conclusion::NothingToDo);
        };
        let keyring = keyring(operator, other).await?;
        let key = first_key(&keyring);
        operator.step("set the key", consul::configure(operator, node, "GOSSIP_KEY", key)).await?;
        operator.step(&format!("restart Consul on {node}"), consul::restart(operator, node)).await?;
        Ok(Conclusion::Done)
    }
}
