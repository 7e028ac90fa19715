//! The judge: what was acknowledged against what is there.
//!
//! It knows neither detectors nor runbooks. A cluster can look whole by every
//! status it shows (all Primary, all Synced, equal row counts) and hold different
//! contents; so contents are compared node with node, row by row.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::workload::{Ack, Entry};

/// What one node holds: id to value.
pub type Contents = BTreeMap<u64, u64>;

/// What the comparison found. All sets hold the ids of writes.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// How many writes were acknowledged.
    pub acknowledged: usize,
    /// How many writes have an unknown fate; each may be there or not.
    pub unknown: usize,
    /// Acknowledged, and missing on at least one node.
    pub lost: BTreeSet<u64>,
    /// Certainly failed, and there all the same.
    #[serde(alias = "risen")]
    pub resurrected: BTreeSet<u64>,
    /// There, and never written by the workload.
    #[serde(alias = "alien")]
    pub unexpected: BTreeSet<u64>,
    /// There, with another value than was written.
    #[serde(alias = "garbled")]
    pub corrupted: BTreeSet<u64>,
    /// Not the same on all nodes.
    pub divergent: BTreeSet<u64>,
    /// Took effect more than once.
    pub repeated: BTreeSet<u64>,
    /// Read otherwise than the system promises, such as an old state that a cut-off node serves.
    pub misread: BTreeSet<u64>,
    /// How many reads were held against that promise.
    pub reads: usize,
}

/// Holds the ledger against every node's contents.
pub fn compare(entries: &[Entry], nodes: &BTreeMap<String, Contents>) -> Findings {
    let written: BTreeMap<u64, &Entry> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let mut found = Findings {
        acknowledged: entries.iter().filter(|entry| entry.ack == Ack::Ok).count(),
        unknown: entries.iter().filter(|entry| matches!(entry.ack, Ack::Unknown { .. })).count(),
        ..Findings::default()
    };
    let acknowledged = entries.iter().filter(|entry| entry.ack == Ack::Ok).map(|entry| entry.id);
    found.lost = acknowledged.filter(|id| nodes.values().any(|held| !held.contains_key(id))).collect();
    for (&id, &value) in nodes.values().flatten() {
        match written.get(&id) {
            None => _ = found.unexpected.insert(id),
            Some(entry) => {
                if matches!(entry.ack, Ack::Failed { .. }) {
                    found.resurrected.insert(id);
                }
                if entry.value != value {
                    found.corrupted.insert(id);
                }
            }
        }
        if nodes.values().any(|held| held.get(&id) != Some(&value)) {
            found.divergent.insert(id);
        }
    }
    found
}

impl Findings {
    /// Whether nothing that was acknowledged is lost, all nodes agree, and reads are as promised.
    pub fn is_clean(&self) -> bool {
        let Self { lost, resurrected, unexpected, corrupted, divergent, repeated, misread, .. } = self;
        [lost, resurrected, unexpected, corrupted, divergent, repeated, misread].iter().all(|ids| ids.is_empty())
    }

    /// What it found of kinds of which an earlier look found nothing: a harm that went on already
    /// is nobody's who came later.
    #[must_use]
    pub fn new_since(mut self, earlier: &Self) -> Self {
        let kinds = [
            (&mut self.lost, &earlier.lost),
            (&mut self.resurrected, &earlier.resurrected),
            (&mut self.unexpected, &earlier.unexpected),
            (&mut self.corrupted, &earlier.corrupted),
            (&mut self.divergent, &earlier.divergent),
            (&mut self.repeated, &earlier.repeated),
            (&mut self.misread, &earlier.misread),
        ];
        for (now, _) in kinds.into_iter().filter(|(_, before)| !before.is_empty()) {
            now.clear();
        }
        self
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} acknowledged, {} unknown", self.acknowledged, self.unknown)?;
        if self.reads > 0 {
            write!(f, ", {} reads", self.reads)?;
        }
        let kinds = [
            ("lost", &self.lost),
            ("resurrected from failure", &self.resurrected),
            ("unexpected", &self.unexpected),
            ("corrupted", &self.corrupted),
            ("different between nodes", &self.divergent),
            ("done more than once", &self.repeated),
            ("misread", &self.misread),
        ];
        for (kind, ids) in kinds.iter().filter(|(_, ids)| !ids.is_empty()) {
            let some: Vec<_> = ids.iter().take(8).map(u64::to_string).collect();
            let more = if ids.len() > some.len() { ", …" } else { "" };
            write!(f, "; {} {kind} (ids {}{more})", ids.len(), some.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
