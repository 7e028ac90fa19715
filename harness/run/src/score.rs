//! The scorecard of one run.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    contract::{Proof, Step},
    machine::Machine,
};
use reenact_core::{
    detect::{Board, Episode},
    judge::Findings,
};

/// How many of the report's marks were seen.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fingerprints {
    /// Seen in this run.
    pub seen: usize,
    /// Listed in the incident's file.
    pub total: usize,
    /// The ids of those that were not seen.
    #[serde(default)]
    pub missed: Vec<String>,
}

impl Fingerprints {
    /// Puts down those of one more act.
    pub(crate) fn add(&mut self, seen: usize, total: usize, missed: &[&str]) {
        self.seen += seen;
        self.total += total;
        self.missed.extend(missed.iter().map(|&id| id.to_owned()));
    }
}

/// What is known of one run. It fills while the run goes on, so that a run that
/// fails half way still shows what it had.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Score {
    /// From the start of the run until every node served.
    pub start_ms: Option<u64>,
    /// Each fault, and the time from its call to the moment it was in force.
    pub injections: Vec<(String, f64)>,
    /// From the fault's effect to the detector's moment of firing.
    pub detect_ms: Option<u64>,
    /// From the call of the runbook until every node served.
    pub recover_ms: Option<u64>,
    /// The report's marks.
    pub fingerprints: Fingerprints,
    /// Each detector's word over the whole run: quiet, fired or unknown.
    pub detectors: BTreeMap<String, String>,
    /// When which detector fired, and why.
    pub episodes: Vec<Episode>,
    /// The detectors that were allowed to fire.
    pub expected: Vec<String>,
    /// The detectors that fired and should not have.
    pub false_alarms: Vec<String>,
    /// The judge's comparison, if it came to that.
    pub findings: Option<Findings>,
    /// Writes that were acknowledged.
    pub acked: usize,
    /// Acknowledged writes that are missing.
    pub lost: usize,
    /// The step of the contract that the run came to.
    pub step: Option<Step>,
    /// What of the contract was proved in this run, and why the rest was not.
    pub contract: BTreeMap<Step, Proof>,
    /// What the machine was like meanwhile.
    pub machine: Machine,
    /// What the scenario itself wants to tell, by name, such as an exit code.
    pub facts: BTreeMap<String, f64>,
}

impl Score {
    pub(super) fn injected(&mut self, fault: &str, took: Duration) {
        self.injections.push((fault.into(), took.as_secs_f64() * 1000.0));
    }

    /// Puts down what a board's detectors said. Who was allowed to fire must be known by
    /// then.
    pub(crate) fn verdicts_of(&mut self, board: &Board) {
        self.detectors = board.summary().map(|(id, word)| (id.to_owned(), word.to_owned())).collect();
        self.episodes = board.episodes().to_vec();
        let alarms = self.episodes.iter().map(|episode| &episode.detector);
        let alarms: BTreeSet<_> = alarms.filter(|id| !self.expected.contains(id)).collect();
        self.false_alarms = alarms.into_iter().cloned().collect();
    }

    pub(super) fn judged(&mut self, found: &Findings) {
        self.lost = found.lost.len();
        self.findings = Some(found.clone());
    }

    /// The slowest fault, from its call to the moment it was in force, in
    /// milliseconds.
    pub fn inject_ms(&self) -> Option<f64> {
        self.injections.iter().map(|(_, took)| *took).reduce(f64::max)
    }
}
