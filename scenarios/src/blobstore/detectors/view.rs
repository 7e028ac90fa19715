//! The nodes as the stream of observations shows them at one moment.

use std::collections::BTreeMap;

use reenact::{
    detect::View,
    probe::{Moment, Observation},
};

use super::{
    disk::Disk,
    node::{Node, Record},
};

/// All nodes, with what is known of each.
#[derive(Debug, Default)]
pub struct NodesView {
    now: Moment,
    nodes: BTreeMap<String, Record>,
}

impl View for NodesView {
    fn observe(&mut self, observation: &Observation) {
        // Probes run side by side: an observation may be a little late.
        self.now = self.now.max(observation.at);
        match self.nodes.get_mut(&observation.node) {
            Some(record) => record.observe(observation),
            None => self.nodes.entry(observation.node.clone()).or_default().observe(observation),
        }
    }

    fn is_blank(&self) -> bool {
        !self.nodes.values().any(|record| record.has_disk || record.has_service)
    }
}

impl NodesView {
    fn nodes(&self, which: impl Fn(&Record) -> bool) -> Vec<Node<'_>> {
        let wanted = self.nodes.iter().filter(|(_, record)| which(record));
        wanted.map(|(name, record)| Node::new(name, self.now, record)).collect()
    }

    /// The disks in use that were declared writable, as far as they are mounted now;
    /// or why nothing can be told.
    ///
    /// # Errors
    /// If there never was one, or if no look at any is fresh.
    pub fn disks(&self) -> Result<Vec<Disk<'_>>, String> {
        let nodes = self.nodes(|record| record.has_disk);
        if nodes.is_empty() {
            return Err("no disk that was declared writable was ever seen".into());
        }
        let seen: Vec<_> = nodes.into_iter().filter_map(Node::disks).collect();
        if seen.is_empty() {
            return Err("no look at any disk that was declared writable is fresh".into());
        }
        Ok(seen.into_iter().flatten().collect())
    }

    /// The nodes that were ever asked to store a blob and to give it back.
    ///
    /// # Errors
    /// If there never was one.
    pub fn services(&self) -> Result<Vec<Node<'_>>, String> {
        let nodes = self.nodes(|record| record.has_service);
        if nodes.is_empty() { Err("no round trip of a blob was ever tried".into()) } else { Ok(nodes) }
    }
}
