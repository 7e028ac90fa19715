//! All runs of one scenario.

use std::{borrow::Cow, collections::BTreeMap};

use maud::{Markup, html};

use crate::text::short;
use reenact_run::campaign::{Outcome, RunResult, Scenario};

/// The longest name of a scenario or a detector, in letters.
pub(super) const NAME: usize = 200;

/// All runs of one scenario, and what is known of it.
pub(super) struct Group<'a> {
    pub(super) id: &'a str,
    /// Its id as it is shown: one that is recorded may be of any length.
    pub(super) name: Cow<'a, str>,
    pub(super) runs: Vec<&'a RunResult>,
    /// `None` for a plan, a trial, and what was recorded by another version.
    pub(super) scenario: Option<&'a Scenario>,
    /// What links point at.
    pub(super) anchor: String,
}

impl<'a> Group<'a> {
    /// By id; within, in the order of the runs.
    pub(super) fn all(results: &'a [RunResult], scenarios: &[&'a Scenario]) -> Vec<Self> {
        let mut by_id: BTreeMap<&str, Vec<&RunResult>> = BTreeMap::new();
        for result in results {
            by_id.entry(&result.id).or_default().push(result);
        }
        let group = |(number, (id, mut runs)): (usize, (&'a str, Vec<&'a RunResult>))| {
            runs.sort_by_key(|run| run.run);
            let scenario = scenarios.iter().find(|scenario| scenario.id == id).copied();
            Self { id, name: short(id, NAME), runs, scenario, anchor: format!("s{}", number + 1) }
        };
        by_id.into_iter().enumerate().map(group).collect()
    }

    /// The worst outcome of its runs.
    pub(super) fn outcome(&self) -> Outcome {
        self.runs.iter().map(|run| run.outcome).min_by_key(|outcome| rank(*outcome)).unwrap_or(Outcome::Skipped)
    }

    /// How many of its runs ended so.
    pub(super) fn count(&self, outcome: Outcome) -> usize {
        self.runs.iter().filter(|run| run.outcome == outcome).count()
    }

    /// The outcome, and how many passed where there were many.
    pub(super) fn badge(&self) -> Markup {
        html! {
            (badge(self.outcome()))
            @if self.runs.len() > 1 {
                " " span.of { (self.count(Outcome::Pass)) " of " (self.runs.len()) " passed" }
            }
        }
    }

    pub(super) fn link(&self) -> Markup {
        html! { a href={ "#" (self.anchor) } { (name(&self.name)) } }
    }
}

/// From worst to best.
pub(super) fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fail => 0,
        Outcome::Inconclusive => 1,
        Outcome::Skipped => 2,
        Outcome::Pass => 3,
    }
}

/// An outcome as a sign and a word, so that its colour is not all that tells it.
pub(super) fn badge(outcome: Outcome) -> Markup {
    let (class, sign) = match outcome {
        Outcome::Pass => ("pass", "✓"),
        Outcome::Fail => ("fail", "✗"),
        Outcome::Inconclusive => ("open", "?"),
        Outcome::Skipped => ("skip", "–"),
    };
    html! { span class={ "badge " (class) } { (sign) " " (outcome.to_string()) } }
}

/// An id that may be broken at its underscores, where a phone is narrow.
pub(super) fn name(id: &str) -> Markup {
    html! { @for part in id.split_inclusive(['_', ':', '/']) { (part) wbr; } }
}
