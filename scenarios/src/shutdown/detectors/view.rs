//! The service and its database as the stream of observations shows them.

use std::collections::BTreeMap;

use reenact::{
    detect::View,
    probe::{Moment, Observation, Signal},
};

use super::{
    instance::{FRESH, Instance, Record, Seen},
    reconcile::Reconciliation,
};

/// All nodes, with what is known of each, and the last reconciliation.
#[derive(Debug, Default)]
pub struct ServiceView {
    now: Moment,
    nodes: BTreeMap<String, Record>,
    reconciliation: Option<Seen<Result<Reconciliation, String>>>,
}

impl View for ServiceView {
    fn observe(&mut self, observation: &Observation) {
        // Probes run side by side: an observation may be a little late.
        self.now = self.now.max(observation.at);
        match &observation.signal {
            Signal::Query { of, answer } if of == "sql:reconcile" => {
                self.reconcile(observation.at, Reconciliation::of(answer));
            }
            _ => self.record(&observation.node).observe(observation),
        }
    }

    fn is_blank(&self) -> bool {
        self.reconciliation.is_none() && !self.nodes.values().any(|record| record.is_instance)
    }
}

impl ServiceView {
    fn record(&mut self, node: &str) -> &mut Record {
        self.nodes.entry(node.into()).or_default()
    }

    fn reconcile(&mut self, at: Moment, answer: Result<Reconciliation, String>) {
        match &answer {
            Err(_) => self.nodes.values_mut().for_each(Record::not_reconciled),
            Ok(seen) => {
                for instance in seen.instances() {
                    self.record(instance).is_instance = true;
                }
                for (name, record) in &mut self.nodes {
                    record.reconciled(at, seen, seen.unmatched(name));
                }
            }
        }
        self.reconciliation = Some(Seen { at, value: answer });
    }

    /// The instances of a service whose background work is watched.
    ///
    /// # Errors
    /// If there never was one.
    pub fn instances(&self) -> Result<Vec<Instance<'_>>, String> {
        let instances = self.nodes.iter().filter(|(_, record)| record.is_instance);
        let instances: Vec<_> = instances.map(|(name, record)| Instance::new(name, self.now, record)).collect();
        if instances.is_empty() { Err("no service with background work was ever seen".into()) } else { Ok(instances) }
    }

    /// The last reconciliation.
    ///
    /// # Errors
    /// If there is none, and why.
    pub fn reconciliation(&self) -> Result<&Reconciliation, String> {
        let Some(seen) = &self.reconciliation else { return Err("no reconciliation was ever seen".into()) };
        if self.now.since(seen.at) > FRESH {
            return Err("no reconciliation is fresh".into());
        }
        seen.value.as_ref().map_err(Clone::clone)
    }
}
