//! A diagnosis for people at a terminal.

use std::fmt::Write as _;

use reenact_core::detect;
use reenact_diagnose::{Finding, Met, Remedy, Report, Word};
use reenact_run::campaign;

/// The whole of it.
pub fn diagnosed(report: &Report) -> String {
    let mut text = String::new();
    let Report { system, nodes, diagnosis, recover_from, contradictions, remedies, notes } = report;
    let _ = writeln!(text, "{system}: {}, as of {:.0}", nodes.join(", "), diagnosis.at);
    notes.iter().for_each(|note| _ = writeln!(text, "  note: {note}"));
    contradictions.iter().for_each(|one| _ = writeln!(text, "  CONTRADICTION: {one}"));
    for finding in diagnosis.of(Word::Fired).chain(diagnosis.of(Word::IfItLasts)) {
        text.push('\n');
        fired(&mut text, finding);
        if let Some(remedy) = remedies.iter().find(|remedy| remedy.detector == finding.detector) {
            advise(&mut text, remedy);
        }
        tried(&mut text, finding.detector);
    }
    if !recover_from.is_empty() {
        text.push_str("\nwhat each member holds, the most first:\n");
        let widest = recover_from.iter().map(|standing| standing.node.len()).max().unwrap_or_default();
        recover_from.iter().for_each(|one| _ = writeln!(text, "  {:<widest$}  {}", one.node, one.holds));
    }
    unknown(&mut text, diagnosis.of(Word::Unknown));
    let quiet: Vec<_> = diagnosis.of(Word::Quiet).map(|finding| finding.detector).collect();
    if !quiet.is_empty() {
        let _ = writeln!(text, "\nnothing to report: {}", quiet.join(", "));
    }
    text.trim_end().to_owned()
}

/// What a detector diagnoses, in a sentence.
pub(crate) fn summary(detector: &str) -> &'static str {
    detect::all().into_iter().find(|entry| entry.id == detector).map_or("", |entry| entry.summary)
}

/// How sure it is, in words; nothing: it is.
pub(crate) fn condition(finding: &Finding) -> Option<String> {
    let seconds = finding.lasts_s?;
    Some(match finding.verdict {
        Word::IfItLasts => format!(
            "if this lasts {seconds} s more: look again, or use --for {}s; if you know that it has, --lasted {seconds}s",
            seconds + 5
        ),
        _ => format!("taken to last {seconds} s more"),
    })
}

fn fired(text: &mut String, finding: &Finding) {
    let head = if finding.verdict == Word::Fired { "DIAGNOSIS" } else { "IF IT LASTS" };
    let _ = writeln!(text, "{head}  {}\n  {}", finding.detector, summary(finding.detector));
    if let Some(since) = finding.since {
        let _ = writeln!(text, "  since {since:.0} at the latest");
    }
    condition(finding).into_iter().for_each(|condition| _ = writeln!(text, "  {condition}"));
    finding.evidence.iter().for_each(|line| _ = writeln!(text, "    {line}"));
}

fn advise(text: &mut String, remedy: &Remedy) {
    let _ = writeln!(text, "  what heals it: {}", remedy.runbook);
    (1..).zip(remedy.steps).for_each(|(number, step)| _ = writeln!(text, "    {number}. {step}"));
    if !remedy.preconditions.is_empty() {
        text.push_str("  before you begin:\n");
    }
    for check in &remedy.preconditions {
        let met = match check.met {
            Met::Yes => "fulfilled    ",
            Met::No => "NOT FULFILLED",
            Met::Unknown => "unknown      ",
        };
        let _ = writeln!(text, "    {met}  {}", check.what);
    }
    if !remedy.wrong.is_empty() {
        text.push_str("  what does harm:\n");
    }
    remedy.wrong.iter().for_each(|(what, cost)| _ = writeln!(text, "    {what}: {cost}"));
}

/// What was tried where this was re-enacted, and in which scenarios.
pub(crate) fn re_enacted(detector: &str) -> Vec<(String, Vec<String>)> {
    let mut tried: Vec<(String, Vec<String>)> = Vec::new();
    let scenarios = campaign::all().unwrap_or_default();
    for scenario in scenarios.iter().filter(|scenario| scenario.detector == Some(detector)) {
        for runbook in &scenario.runbooks {
            match tried.iter_mut().find(|(known, _)| known == runbook) {
                Some((_, ids)) => ids.push(scenario.id.clone()),
                None => tried.push((runbook.clone(), vec![scenario.id.clone()])),
            }
        }
    }
    tried
}

fn tried(text: &mut String, detector: &str) {
    let tried = re_enacted(detector);
    if !tried.is_empty() {
        text.push_str("  what was tried where it was re-enacted:\n");
    }
    for (what, scenarios) in tried {
        let more = if scenarios.len() > 1 { format!(" and {} more", scenarios.len() - 1) } else { String::new() };
        let _ = writeln!(text, "    {what} ({}{more})", scenarios[0]);
    }
}

/// One line for each reason, with all detectors that lack the same.
fn unknown<'f>(text: &mut String, findings: impl Iterator<Item = &'f Finding>) {
    let mut reasons: Vec<(&str, Option<&str>, Vec<&str>)> = Vec::new();
    for finding in findings {
        let why = finding.why.as_deref().unwrap_or_default();
        match reasons.iter_mut().find(|(reason, ..)| *reason == why) {
            Some((.., detectors)) => detectors.push(finding.detector),
            None => reasons.push((why, finding.ask.as_deref(), vec![finding.detector])),
        }
    }
    if !reasons.is_empty() {
        text.push_str("\nunknown:\n");
    }
    for (why, ask, detectors) in reasons {
        let _ = writeln!(text, "  {}\n    because {why}", detectors.join(", "));
        ask.into_iter().for_each(|ask| _ = writeln!(text, "    this would tell: {ask}"));
    }
}
