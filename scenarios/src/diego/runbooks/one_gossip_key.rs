//! The recovery of Consul's agents that do not understand each other.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use futures::future::try_join_all;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::CONSULS,
    consul::{self, DATA, START, Servers},
    gossip_key::{KEYRING, agents, first_key, keyring},
    vm,
};

/// Gives every agent the keyring that most servers have, in the file that they use and in
/// the configuration, and restarts those that had another, one by one.
#[derive(Debug)]
pub(crate) struct OneGossipKey;

impl fmt::Display for OneGossipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("give every agent of Consul's the keyring that most servers have")
    }
}

#[async_trait]
impl Runbook for OneGossipKey {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let read = |node| async move { Ok::<_, reenact::Error>((node, keyring(operator, node).await?)) };
        let keyrings: BTreeMap<_, _> = try_join_all(agents().into_iter().map(read)).await?.into_iter().collect();
        let Some(common) = common(&keyrings) else {
            return Ok(Conclusion::Refused { why: format!("no keyring is that of most servers: {keyrings:?}") });
        };
        let others = keyrings.iter().filter(|(_, keyring)| *keyring != common).map(|(node, _)| *node);
        let others: Vec<_> = others.collect();
        if others.is_empty() && Servers::take(operator).await?.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        for node in others {
            operator.step(&format!("give {node} the keyring"), give(operator, node, common)).await?;
        }
        operator.step("wait until all are led and vote", consul::until_whole(operator, START)).await?;
        Ok(Conclusion::Done)
    }
}

/// The keyring of most servers.
fn common<'k>(keyrings: &'k BTreeMap<&str, String>) -> Option<&'k str> {
    let of_servers = || CONSULS.iter().filter_map(|server| keyrings.get(server));
    let count = |keyring: &&String| of_servers().filter(|other| other == keyring).count();
    of_servers().find(|keyring| count(keyring) > CONSULS.len() / 2).map(String::as_str)
}

/// The file last of all: with it the agent counts as done.
async fn give(operator: &Operator<'_>, node: &str, keyring: &str) -> Result<()> {
    consul::stop(operator, node).await?;
    consul::configure(operator, node, "GOSSIP_KEY", first_key(keyring)).await?;
    // A server's other keyring is that of gossip between data centres.
    let script = format!(
        "cd {DATA}; for file in serf/remote.keyring {KEYRING}; do
            [ ! -e $file ] || {{ echo '{keyring}' >$file.new; mv $file.new $file; }}
        done"
    );
    vm::shell(operator, node, &script).await?;
    consul::start(operator, node).await
}
