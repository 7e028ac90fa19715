//! The top of the page: the verdict, what it is about, and what failed.

use maud::{Markup, html};

use super::{
    about::{About, How},
    group::{Group, NAME, badge, rank},
};
use crate::text::short;
use reenact_run::campaign::{Kind, Outcome, RunResult};

/// The longest reason, in letters.
const REASON: usize = 3000;

/// The verdict in a sentence. It counts scenarios: one fails if any of its runs did.
pub(super) fn sentence(groups: &[Group], about: &About) -> String {
    let count = |outcome| groups.iter().filter(|group| group.outcome() == outcome).count();
    let (all, passed) = (groups.len(), count(Outcome::Pass));
    if all == 0 {
        return "Nothing was run".into();
    }
    if about.no_fault {
        let is_twin = |group: &&Group| group.scenario.is_some_and(|scenario| scenario.kind == Kind::Twin);
        let incidents: Vec<_> = groups.iter().filter(|group| !is_twin(group)).collect();
        let passed = incidents.iter().filter(|group| group.count(Outcome::Pass) > 0).count();
        return format!(
            "No-fault control, the faults left out: no incident may pass, and {passed} of {} did",
            incidents.len()
        );
    }
    if passed == all {
        return if all == 1 { "1 of 1 passed".into() } else { format!("All {all} passed") };
    }
    let rest = [
        (Outcome::Fail, "failed"),
        (Outcome::Inconclusive, "proved nothing"),
        (Outcome::Skipped, "could not be run here"),
    ];
    let told = rest.into_iter().map(|(outcome, what)| (count(outcome), what)).filter(|(some, _)| *some > 0);
    let told = told.enumerate().map(|(at, (some, what))| match at {
        0 => format!("{some} of {all} {what}"),
        _ => format!("{some} {what}"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// The verdict and the facts.
pub(super) fn header(groups: &[Group], results: &[RunResult], about: &About) -> Markup {
    let worst = groups.iter().map(Group::outcome).min_by_key(|outcome| rank(*outcome));
    html! {
        header {
            h1 { @if let Some(worst) = worst { (badge(worst)) " " } span.sentence { (sentence(groups, about)) } }
            (counts(groups, results))
            (facts(results, about))
        }
    }
}

fn counts(groups: &[Group], results: &[RunResult]) -> Markup {
    let outcomes = [Outcome::Pass, Outcome::Fail, Outcome::Inconclusive, Outcome::Skipped];
    let count = |outcome| groups.iter().filter(|group| group.outcome() == outcome).count();
    let alarms: usize = results.iter().map(|result| result.score.false_alarms.len()).sum();
    let lost: usize = results.iter().map(|result| result.score.lost).sum();
    html! {
        ul.counts {
            @for outcome in outcomes {
                li { b { (count(outcome)) } " " (badge(outcome)) }
            }
            li { b { (alarms) } " " (if alarms == 1 { "false alarm" } else { "false alarms" }) }
            li { b { (lost) } " acknowledged " (if lost == 1 { "write" } else { "writes" }) " lost" }
        }
    }
}

fn facts(results: &[RunResult], about: &About) -> Markup {
    let seeds = results.iter().map(|result| result.seed);
    let seeds = match (seeds.clone().min(), seeds.max()) {
        (Some(least), Some(most)) if least != most => format!("{least} to {most}"),
        (Some(only), _) => only.to_string(),
        _ => "–".into(),
    };
    let began = about.began.map_or_else(|| "–".into(), |began| began.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let what = match &about.how {
        How::Run => "scenarios by name".to_owned(),
        How::Replay(plan) => format!("replay of {}", plan.display()),
        How::Try(subject) => format!("trial of {}", subject.display()),
    };
    let mode = if about.full { "full: with controls, wrong runbooks, and kills after each step" } else { "quick" };
    let rows = [
        ("when", began),
        ("took", took(about.took_ms)),
        ("runs", results.len().to_string()),
        ("seed", seeds),
        ("mode", mode.to_owned()),
        ("what", what),
        ("session", about.session.clone()),
        ("reenact", about.version.clone()),
    ];
    html! {
        dl.facts {
            @for (name, value) in rows { div { dt { (name) } dd { (short(&value, REASON)) } } }
            @for (name, image) in &about.images { div { dt { "image " (short(name, NAME)) } dd { (short(image, NAME)) } } }
        }
    }
}

/// Minutes and seconds.
pub(super) fn took(ms: u64) -> String {
    match (ms / 60_000, (ms % 60_000) as f64 / 1000.0) {
        (0, seconds) => format!("{seconds:.1} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:.0} s"),
    }
}

/// What did not pass, and why, worst first.
pub(super) fn failures(groups: &[Group]) -> Markup {
    let mut broken: Vec<_> = groups.iter().filter(|group| group.outcome() != Outcome::Pass).collect();
    broken.sort_by_key(|group| rank(group.outcome()));
    if broken.is_empty() {
        return html! {};
    }
    html! {
        section #failures {
            h2 { "What did not pass" }
            ul.failures {
                @for group in broken {
                    li data-name=(group.name) {
                        p { (group.badge()) " " (group.link()) }
                        @for reason in reasons(group) { p.reason { (short(reason, REASON)) } }
                    }
                }
            }
        }
    }
}

/// The reasons of its runs, each once, at most five.
fn reasons<'a>(group: &Group<'a>) -> Vec<&'a str> {
    let mut reasons: Vec<&str> = Vec::new();
    let told = group.runs.iter().filter(|run| run.outcome != Outcome::Pass);
    for reason in told.filter_map(|run| run.reason.as_deref()) {
        if !reasons.contains(&reason) && reasons.len() < 5 {
            reasons.push(reason);
        }
    }
    reasons
}
