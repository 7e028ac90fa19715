//! A view that keeps a record of each node.

use std::collections::BTreeMap;

use super::View;
use crate::probe::{Moment, Observation};

/// What is kept of one node.
pub trait Record: Default + Send + 'static {
    /// Takes one more observation of it.
    fn observe(&mut self, observation: &Observation);

    /// Whether it was ever seen to belong to the record's system.
    fn is_ours(&self) -> bool;
}

/// What is kept of each node, and the present moment.
#[derive(Debug)]
pub struct Nodes<R> {
    now: Moment,
    nodes: BTreeMap<String, R>,
}

impl<R> Default for Nodes<R> {
    fn default() -> Self {
        Self { now: Moment::default(), nodes: BTreeMap::new() }
    }
}

impl<R: Record> View for Nodes<R> {
    fn observe(&mut self, observation: &Observation) {
        // Probes run side by side: an observation may be a little late.
        self.now = self.now.max(observation.at);
        match self.nodes.get_mut(&observation.node) {
            Some(record) => record.observe(observation),
            None => self.record(&observation.node).observe(observation),
        }
    }

    fn is_blank(&self) -> bool {
        !self.nodes.values().any(Record::is_ours)
    }
}

impl<R: Default> Nodes<R> {
    /// The moment of the newest observation.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The record of a node, which is made if there is none.
    pub fn record(&mut self, node: &str) -> &mut R {
        self.nodes.entry(node.into()).or_default()
    }

    /// All records, by their nodes' names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &R)> {
        self.nodes.iter().map(|(name, record)| (name.as_str(), record))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut R)> {
        self.nodes.iter_mut().map(|(name, record)| (name.as_str(), record))
    }
}
