//! The page of `reenact diagnose`, to be handed over: the diagnosis with its evidence, what to do
//! and what not, and what is not known.

use maud::{Markup, html};

use super::{group::NAME, page};
use crate::{
    diagnosed::{condition, re_enacted, summary},
    text::{clean, short},
};
use reenact_diagnose::{Finding, Met, Remedy, Report, Word};

/// The longest texts, in letters.
const TEXT: usize = 2000;

/// The page as text: it needs nothing but itself.
pub fn diagnosis(report: &Report) -> String {
    let open: Vec<_> = report.diagnosis.of(Word::Fired).chain(report.diagnosis.of(Word::IfItLasts)).collect();
    let title = match open.first() {
        Some(first) => format!("{}: {}", first.detector, summary(first.detector)),
        None if report.diagnosis.exit_code() == 4 => format!("{}: it cannot be told", report.system),
        None => format!("{}: nothing to report", report.system),
    };
    let body = html! {
        header { h1 { span.sentence { (short(&title, TEXT)) } } (about(report)) }
        main {
            (contradictions(report))
            @for finding in &open { (diagnosed(report, finding)) }
            (members(report))
            (unknown(report))
            (quiet(report))
        }
    };
    clean(&page::page(&title, &body).0)
}

fn about(report: &Report) -> Markup {
    html! {
        dl.figures {
            div { dt { "system" } dd { (report.system) } }
            div { dt { "nodes" } dd { (short(&report.nodes.join(", "), TEXT)) } }
            div { dt { "as of" } dd { (format!("{:.0}", report.diagnosis.at)) } }
            div { dt { "looked for" } dd { (format!("{:.0} s", report.diagnosis.looked_for_s)) } }
        }
        @if !report.notes.is_empty() {
            ul { @for note in &report.notes { li.gap { (short(note, TEXT)) } } }
        }
    }
}

fn diagnosed(report: &Report, finding: &Finding) -> Markup {
    let (class, word) = if finding.verdict == Word::Fired { ("fail", "diagnosis") } else { ("open", "if it lasts") };
    let remedy = report.remedies.iter().find(|remedy| remedy.detector == finding.detector);
    html! {
        section {
            h2 { span class={ "badge " (class) } { (word) } " " code { (finding.detector) } }
            p.story { (summary(finding.detector)) }
            @if let Some(since) = finding.since { p { "Since " (format!("{since:.0}")) " at the latest." } }
            @if let Some(condition) = condition(finding) { p.gap { (condition) } }
            pre.lines tabindex="0" { @for line in &finding.evidence { (short(line, TEXT)) "\n" } }
            @if let Some(remedy) = remedy { (advice(remedy)) }
            (suite(finding.detector))
        }
    }
}

fn advice(remedy: &Remedy) -> Markup {
    let met = |met| match met {
        Met::Yes => ("pass", "✓ fulfilled"),
        Met::No => ("fail", "✗ not fulfilled"),
        Met::Unknown => ("open", "? unknown"),
    };
    html! {
        h4 { "What heals it: " (remedy.runbook) }
        ol { @for step in remedy.steps { li { (step) } } }
        @if !remedy.preconditions.is_empty() {
            h4 { "Before you begin" }
            ul.prints {
                @for check in &remedy.preconditions {
                    li { span class={ "badge " (met(check.met).0) } { (met(check.met).1) } " " (check.what) }
                }
            }
        }
        @if !remedy.wrong.is_empty() {
            h4 { "What does harm" }
            ul { @for (what, cost) in remedy.wrong { li { strong { (what) } ": " (cost) } } }
        }
    }
}

/// What was tried where this was re-enacted.
fn suite(detector: &str) -> Markup {
    let tried = re_enacted(detector);
    html! {
        @if !tried.is_empty() {
            details.run {
                summary { "What was tried where it was re-enacted" }
                ul { @for (what, scenarios) in &tried { li { (what) " " span.soft { (short(&scenarios.join(", "), TEXT)) } } } }
            }
        }
    }
}

fn contradictions(report: &Report) -> Markup {
    html! {
        @if !report.contradictions.is_empty() {
            section {
                h2 { "What cannot all be so" }
                ul { @for one in &report.contradictions { li { (short(one, TEXT)) } } }
            }
        }
    }
}

fn members(report: &Report) -> Markup {
    html! {
        @if !report.recover_from.is_empty() {
            section {
                h2 { "What each member holds, the most first" }
                div.box { table.events {
                    thead { tr { th scope="col" { "member" } th scope="col" { "holds" } } }
                    tbody { @for one in &report.recover_from {
                        tr { th scope="row" { (short(&one.node, NAME)) } td.text { (short(&one.holds, TEXT)) } }
                    } }
                } }
            }
        }
    }
}

fn unknown(report: &Report) -> Markup {
    let all: Vec<_> = report.diagnosis.of(Word::Unknown).collect();
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Unknown" }
                div.box { table.events {
                    thead { tr { th scope="col" { "detector" } th scope="col" { "because" } th scope="col" { "this would tell" } } }
                    tbody { @for finding in all {
                        tr {
                            th scope="row" { (finding.detector) }
                            td.text { (short(finding.why.as_deref().unwrap_or_default(), TEXT)) }
                            td.text { (short(finding.ask.as_deref().unwrap_or_default(), TEXT)) }
                        }
                    } }
                } }
            }
        }
    }
}

fn quiet(report: &Report) -> Markup {
    let all: Vec<_> = report.diagnosis.of(Word::Quiet).map(|finding| finding.detector).collect();
    html! {
        @if !all.is_empty() { section { h2 { "Nothing to report" } p.soft { (all.join(", ")) } } }
    }
}
