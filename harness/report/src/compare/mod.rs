//! A session against an earlier one: what became worse, and what only looks so.
//!
//! Harm counts by itself, without statistics: a write that is lost where none was, and a
//! false alarm that was not there before. Whether scenarios pass less often, or are
//! detected or recovered later, is tested together at one family-wise error, and times
//! must be worse by a factor and by an amount besides: the machine is shared.

mod figures;
mod stats;

use std::collections::BTreeSet;

use serde::Serialize;

pub use figures::{Figures, Sample, Shipped};
use stats::Test;
pub use stats::wilson;

use reenact_core::stats::median;

/// If nothing became worse, the chance that any rate or time is called a regression all
/// the same is at most this.
const ALPHA: f64 = 0.05;

/// A median time must be so many times the base's: busy neighbours on two cores were seen
/// to make the same scenario a third slower.
const WORSE_BY: f64 = 1.5;

/// And longer by so many milliseconds: two looks of the slowest probe.
const WORSE_BY_MS: f64 = 500.0;

/// What became worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A write was lost where no run of the base that passed had lost any.
    LostWrites,
    /// A detector fired that should not have, and in the base never did there.
    FalseAlarm,
    /// Fewer runs pass.
    Passes,
    /// The detector fires later.
    Detect,
    /// The recovery takes longer.
    Recover,
    /// No run of the scenario came about.
    Missing,
}

impl What {
    /// The same for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::LostWrites => "loses writes",
            Self::FalseAlarm => "has a new false alarm",
            Self::Passes => "passes less often",
            Self::Detect => "is detected later",
            Self::Recover => "recovers later",
            Self::Missing => "is missing",
        }
    }
}

/// Something that is worse than in the base.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worse {
    /// The scenario.
    pub scenario: String,
    /// What.
    pub what: What,
    /// Whether it counts; else there is too little proof.
    pub regression: bool,
    /// How likely chance alone would make it so bad, where that was tested.
    pub p: Option<f64>,
    /// What it was and is, for people.
    pub text: String,
}

/// Two sets of figures, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The earlier figures.
    pub base: Figures,
    /// The later ones.
    pub run: Figures,
    /// What is worse, regressions first.
    pub worse: Vec<Worse>,
    /// Scenarios without a run now.
    pub missing: Vec<String>,
    /// Scenarios without a run then.
    pub new: Vec<String>,
    /// Scenarios whose runs did not do the same then and now: full and quick.
    pub unlike: Vec<String>,
}

impl Compared {
    /// Whether anything counts as worse.
    pub fn has_regression(&self) -> bool {
        self.worse.iter().any(|worse| worse.regression)
    }
}

/// Compares. With `all`, a scenario without a run now is a regression.
pub fn compare(base: Figures, run: Figures, all: bool) -> Compared {
    let was_run = |figures: &Figures| {
        let ran = figures.scenarios.iter().filter(|(_, sample)| sample.passed().1 > 0);
        ran.map(|(id, _)| id.clone()).collect::<BTreeSet<_>>()
    };
    let (then, now) = (was_run(&base), was_run(&run));
    let missing: Vec<_> = then.difference(&now).cloned().collect();
    let both: Vec<_> = then.intersection(&now).map(|id| (id, &base.scenarios[id], &run.scenarios[id])).collect();
    let mut worse: Vec<_> = both.iter().flat_map(|(id, base, run)| harm(id, base, run)).collect();
    worse.extend(tested(&both));
    let gone = |id: &String| Worse::new(id, What::Missing, "it was run in the base, and not now".into());
    worse.extend(missing.iter().filter(|_| all).map(gone));
    worse.sort_by(|a, b| (!a.regression, a.what, &a.scenario).cmp(&(!b.regression, b.what, &b.scenario)));
    let unlike = both.iter().filter(|(_, base, run)| base.full != run.full).map(|(id, ..)| (*id).clone()).collect();
    let new = now.difference(&then).cloned().collect();
    Compared { worse, missing, new, unlike, base, run }
}

impl Worse {
    fn new(scenario: &str, what: What, text: String) -> Self {
        Self { scenario: scenario.into(), what, regression: true, p: None, text }
    }
}

/// What counts however seldom it is.
fn harm(id: &str, base: &Sample, run: &Sample) -> Vec<Worse> {
    let mut harm = Vec::new();
    if base.lost_in_passes == 0 && run.lost > 0 {
        harm.push(Worse::new(id, What::LostWrites, format!("up to {} acknowledged writes lost in a run", run.lost)));
    }
    let new = run.false_alarms.iter().filter(|(detector, _)| !base.false_alarms.contains_key(*detector));
    harm.extend(new.map(|(detector, times)| {
        Worse::new(id, What::FalseAlarm, format!("{detector} in {times} of {} runs", run.passed().1))
    }));
    harm
}

/// What is tested, and looks worse.
fn tested(both: &[(&String, &Sample, &Sample)]) -> Vec<Worse> {
    let mut all = Vec::new();
    for (id, base, run) in both {
        all.push(rate(id, base, run));
        all.push(time(id, What::Detect, &base.detect_ms, &run.detect_ms));
        all.push(time(id, What::Recover, &base.recover_ms, &run.recover_ms));
    }
    let counts = stats::counting(&all.iter().map(|(test, _)| *test).collect::<Vec<_>>(), ALPHA);
    let worse = all
        .into_iter()
        .zip(counts)
        .filter_map(|((test, worse), counts)| Some(Worse { regression: counts, p: Some(test.p), ..worse? }));
    worse.collect()
}

fn rate(id: &str, base: &Sample, run: &Sample) -> (Test, Option<Worse>) {
    let ((was, of), (is, runs)) = (base.passed(), run.passed());
    let test = Test { p: stats::fisher((was, of), (is, runs)), least: stats::fisher_least((was, of), (is, runs)) };
    let text = format!("{is} of {runs} runs passed, before {was} of {of}");
    (test, (is * of < was * runs).then(|| Worse::new(id, What::Passes, text)))
}

fn time(id: &str, what: What, base: &[f64], run: &[f64]) -> (Test, Option<Worse>) {
    let is_worse = effect(base, run);
    let p = if is_worse { stats::rank_sum(base, run) } else { 1.0 };
    // Where no share-out of the same values on both sides could look worse, none can count.
    let least = if could_look_worse(base, run) { stats::rank_sum_least(base.len(), run.len()) } else { 1.0 };
    let middle = |values: &[f64]| median(values.to_vec()).unwrap_or(f64::NAN) / 1000.0;
    let text = format!(
        "a median of {:.2} s in {} runs, before {:.2} s in {}",
        middle(run),
        run.len(),
        middle(base),
        base.len()
    );
    (Test { p, least }, is_worse.then(|| Worse::new(id, what, text)))
}

/// Whether the median is worse by as much as matters.
fn effect(base: &[f64], run: &[f64]) -> bool {
    let (Some(was), Some(is)) = (median(base.to_vec()), median(run.to_vec())) else { return false };
    is >= was * WORSE_BY && is >= was + WORSE_BY_MS
}

/// The same if all the larger values were the run's.
fn could_look_worse(base: &[f64], run: &[f64]) -> bool {
    let mut all = [base, run].concat();
    all.sort_by(f64::total_cmp);
    let (low, high) = all.split_at(base.len());
    effect(low, high)
}

#[cfg(test)]
mod tests;
