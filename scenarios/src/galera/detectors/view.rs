//! The cluster as the stream of observations shows it at one moment.

use std::collections::BTreeMap;

use reenact::{
    detect::View,
    probe::{Moment, Observation},
};

use super::node::{Node, Record};

/// All nodes, with what is known of each.
#[derive(Debug, Default)]
pub struct ClusterView {
    now: Moment,
    nodes: BTreeMap<String, Record>,
}

impl View for ClusterView {
    fn observe(&mut self, observation: &Observation) {
        // Probes run side by side: an observation may be a little late.
        self.now = self.now.max(observation.at);
        match self.nodes.get_mut(&observation.node) {
            Some(record) => record.observe(observation),
            None => self.nodes.entry(observation.node.clone()).or_default().observe(observation),
        }
    }

    fn is_blank(&self) -> bool {
        !self.nodes.values().any(|record| record.galera)
    }
}

impl ClusterView {
    /// The nodes that were ever seen to be Galera's; or why nothing can be told.
    ///
    /// # Errors
    /// If there was none, or if no signal of any is fresh.
    pub fn nodes(&self) -> Result<Vec<Node<'_>>, String> {
        let galera = self.nodes.iter().filter(|(_, record)| record.galera);
        let nodes: Vec<_> = galera.map(|(name, record)| Node::new(name, self.now, record)).collect();
        if nodes.is_empty() {
            return Err("no signal of a Galera node was ever seen".into());
        }
        if !nodes.iter().any(Node::is_watched) {
            return Err("no signal of any Galera node is fresh".into());
        }
        Ok(nodes)
    }
}

/// The other nodes that serve clients in a primary component.
pub fn primary_peers<'n, 'v>(nodes: &'n [Node<'v>], of: &'n Node<'v>) -> impl Iterator<Item = &'n Node<'v>> {
    nodes.iter().filter(|peer| peer.name != of.name && peer.status().is_some_and(|status| status.is_primary()))
}

/// Whether `peer` counts `node` as a member of its component. Where the node's
/// address is not known, a component of all the nodes must hold it.
pub fn counts(nodes: &[Node<'_>], peer: &Node<'_>, node: &Node<'_>) -> bool {
    peer.status().is_some_and(|status| match node.address() {
        Some(address) => status.lists(address),
        None => status.size() >= nodes.len(),
    })
}

/// Whether two nodes' components leave each other out. Where addresses are not
/// known, both together must fit among the nodes, under different view numbers.
pub fn exclude_each_other(nodes: &[Node<'_>], one: &Node<'_>, other: &Node<'_>) -> bool {
    let (Some(first), Some(second)) = (one.status(), other.status()) else { return false };
    match (one.address(), other.address()) {
        (Some(one), Some(other)) => !first.lists(other) && !second.lists(one),
        _ => {
            first.get("wsrep_cluster_conf_id") != second.get("wsrep_cluster_conf_id")
                && first.size() + second.size() <= nodes.len()
        }
    }
}
