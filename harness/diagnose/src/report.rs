//! What is said of a case, all together.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    case::Case,
    diagnosis::{Diagnosis, Finding, Word, diagnose},
    gathered::Gathered,
    inventory::Inventory,
    remedy::{Advice, Check, Standing},
    system::System,
};

/// What is said of a case.
#[derive(Debug, Clone)]
pub struct Report {
    /// The system's name.
    pub system: &'static str,
    /// The nodes that anything is known of.
    pub nodes: Vec<String>,
    /// What the detectors say.
    pub diagnosis: Diagnosis,
    /// The members by how much they hold, if any diagnosis is open.
    pub recover_from: Vec<Standing>,
    /// What nodes say that cannot all be so.
    pub contradictions: Vec<String>,
    /// What to do, with its preconditions checked.
    pub remedies: Vec<Remedy>,
    /// What a reader should know of the evidence: who could not be reached, what was left out.
    pub notes: Vec<String>,
}

/// A runbook for what fires.
#[derive(Debug, Clone, Serialize)]
pub struct Remedy {
    /// The detector.
    pub detector: &'static str,
    /// The runbook, by its name in the suite.
    pub runbook: &'static str,
    /// Its steps in words.
    pub steps: &'static [&'static str],
    /// What must be so before, checked.
    pub preconditions: Vec<Check>,
    /// What must not be done, and what it cost where it was re-enacted.
    pub wrong: &'static [(&'static str, &'static str)],
}

impl Report {
    /// Shows what was gathered to the system's detectors. `None`: nothing was gathered.
    pub fn of(system: &System, gathered: &[Gathered], inventory: &Inventory) -> Option<Self> {
        let case = Case::of(system, gathered, inventory);
        let diagnosis = diagnose(&case, system)?;
        let open: Vec<_> = diagnosis.of(Word::Fired).chain(diagnosis.of(Word::IfItLasts)).collect();
        let remedies = open.iter().filter_map(|finding| remedy(system, finding, gathered, &case)).collect();
        let recover_from = if open.is_empty() { Vec::new() } else { (system.rank)(gathered, &case) };
        let contradictions = (system.contradictions)(gathered, &case);
        let nodes = case.nodes().into_iter().map(str::to_owned).collect();
        let notes = notes(gathered);
        Some(Self { system: system.name, nodes, remedies, recover_from, contradictions, notes, diagnosis })
    }

    /// One object for each detector that is not quiet, one with the ranked members and one with the
    /// contradictions if there are any, and one for each runbook.
    pub fn json(&self) -> Vec<serde_json::Value> {
        let value = |told: &dyn Fn() -> serde_json::Result<serde_json::Value>| told().unwrap_or_default();
        let spoken = self.diagnosis.findings.iter().filter(|finding| finding.verdict != Word::Quiet);
        let mut all: Vec<_> = spoken.map(|finding| value(&|| serde_json::to_value(finding))).collect();
        if !self.recover_from.is_empty() {
            all.push(serde_json::json!({ "recover_from": self.recover_from }));
        }
        if !self.contradictions.is_empty() {
            all.push(serde_json::json!({ "contradictions": self.contradictions }));
        }
        all.extend(self.remedies.iter().map(|remedy| value(&|| serde_json::to_value(remedy))));
        all
    }
}

fn remedy(system: &System, finding: &Finding, gathered: &[Gathered], case: &Case) -> Option<Remedy> {
    let advice: &Advice = system.advice.iter().find(|advice| advice.detector == finding.detector)?;
    let Advice { detector, runbook, steps, wrong, .. } = *advice;
    Some(Remedy { detector, runbook, steps, preconditions: advice.checked(gathered, case), wrong })
}

fn notes(gathered: &[Gathered]) -> Vec<String> {
    let mut notes = Vec::new();
    for Gathered { node, unreachable, left_out, sections, .. } in gathered {
        notes.extend(unreachable.as_ref().map(|why| format!("{node} could not be reached: {why}")));
        if *left_out > 0 {
            notes.push(format!("{node}: {left_out} older lines of its logs were left out"));
        }
        let denied: Vec<_> =
            sections.iter().filter(|(_, section)| section.is_denied()).map(|(name, _)| name.as_str()).collect();
        if !denied.is_empty() {
            notes.push(format!("{node}: could not be read: {}", denied.join(", ")));
        }
    }
    let ends: Vec<_> = gathered.iter().filter_map(|one| one.at).collect();
    if let (Some(first), Some(last)) = (ends.iter().min(), ends.iter().max()) {
        let apart = last.duration_since(*first).as_secs();
        if apart > 60 {
            notes.push(format!("the looks are {apart} s apart: they are taken for one state"));
        }
    }
    notes.extend(logs_apart(gathered));
    let mut told = BTreeSet::new();
    notes.retain(|note| told.insert(note.clone()));
    notes
}

/// Logs alone that end at different times: their nodes were silent, or somebody copied them earlier.
fn logs_apart(gathered: &[Gathered]) -> Option<String> {
    let alone = gathered.iter().filter(|one| one.at.is_none());
    let ends = || alone.clone().filter_map(|one| Some((one.log_ends?, &one.node)));
    let ((first, node), (last, _)) = (ends().min()?, ends().max()?);
    let apart = last.duration_since(first).as_secs();
    (apart > 60).then(|| format!("{node}'s log ends {apart} s before the last one: it does not tell what came after"))
}
