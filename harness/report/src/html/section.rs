//! A section per scenario: what it is about, and each of its runs.

use maud::{Markup, html};

use super::{
    about::About,
    folder::Room,
    group::{Group, badge, name, rank},
    run,
    verdict::took,
};
use crate::text::short;
use reenact_run::campaign::{Kind, Outcome, Scenario};

/// All of them, those that failed first and open; one that is alone is open too.
pub(super) fn all(groups: &[Group], about: &About, room: &mut Room) -> Markup {
    let mut ordered: Vec<&Group> = groups.iter().collect();
    ordered.sort_by_key(|group| rank(group.outcome()));
    if ordered.is_empty() {
        return html! {};
    }
    html! {
        section #scenarios {
            h2 { "Each scenario" }
            (filter())
            @for group in ordered { (section(group, about, room, groups.len() == 1)) }
        }
    }
}

/// Hides the sections whose names do not match; shown only where scripts run.
pub(super) fn filter() -> Markup {
    html! {
        p.filter hidden {
            label for="filter" { "Filter scenarios by name: " } input #filter type="search" autocomplete="off";
            " " span #filtered .soft aria-live="polite" {}
        }
    }
}

fn section(group: &Group, about: &About, room: &mut Room, is_alone: bool) -> Markup {
    let longest = group.runs.iter().map(|run| run.duration_ms).max().unwrap_or_default();
    html! {
        details.scenario data-name=(group.name) open[is_alone || group.outcome() == Outcome::Fail] {
            summary { h3 { (group.badge()) " " (name(&group.name)) } span.soft { (took(longest)) } }
            span.anchor id=(group.anchor) {}
            @if let Some(scenario) = group.scenario { (story(scenario)) }
            @if let [only] = group.runs[..] { (run::body(only, group, about, room)) }
            @else {
                @for run in &group.runs {
                    details.run open[run.outcome == Outcome::Fail] {
                        summary { (badge(run.outcome)) " run " (run.run) span.soft { " seed " (run.seed) ", " (took(run.duration_ms)) } }
                        (run::body(run, group, about, room))
                    }
                }
            }
        }
    }
}

/// What it is about.
fn story(scenario: &Scenario) -> Markup {
    let kind = match scenario.kind {
        Kind::Incident => "an incident",
        Kind::Twin => "a benign look-alike: every detector must stay silent",
    };
    html! {
        p.story { (short(&scenario.story, 4000)) }
        dl.about {
            div { dt { "kind" } dd { (kind) } }
            div { dt { "source" } dd { (scenario.source) } }
            @if !scenario.faults.is_empty() {
                div { dt { "faults" } dd { ol { @for fault in &scenario.faults { li { (fault) } } } } }
            }
            @if let Some(detector) = scenario.detector {
                div { dt { "must fire" } dd { code { (detector) } } }
            }
            @if !scenario.also.is_empty() {
                div { dt { "may fire" } dd { @for also in &scenario.also { code { (also) } " " } } }
            }
            @if !scenario.runbooks.is_empty() {
                div { dt { "runbooks" } dd { ol { @for runbook in &scenario.runbooks { li { (runbook) } } } } }
            }
        }
    }
}
