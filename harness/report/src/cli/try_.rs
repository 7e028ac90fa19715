//! `reenact try`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    run::{conclude, ended},
    say,
};
use crate::{About, How};
use reenact_core::Result;
use reenact_run::campaign::{self, Outcome, RunResult, Runner, Told, Tried};
use reenact_testbed::Session;

#[derive(Args)]
pub(super) struct Try {
    /// The file that describes the service: see docs/try.md
    file: PathBuf,

    /// Every random choice is drawn from it; repetition R has SEED+R-1
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Try it N times, one after another
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Leave the testbed of a run that does not end well, to look into it
    #[arg(long)]
    keep: bool,

    /// Print one JSON object per run, a line each
    #[arg(long)]
    json: bool,
}

impl Try {
    pub(super) async fn execute(self, results: &Path, images: HashMap<String, String>) -> Result<u8> {
        let (trial, subject) = campaign::subject(&self.file)?;
        let named = images.clone().into_iter().collect();
        let session = Session::open(results, images, self.keep).await?;
        let runner = Runner { keep: self.keep, require_all: true, ..Runner::new(session, crate::keep_picture) };
        let work = async {
            runner.prepare_trial(subject.as_ref()).await?;
            let mut all = Vec::new();
            for run in 1..=self.repeat {
                let seed = self.seed + u64::from(run) - 1;
                let tried = runner.attempt(trial, subject.as_ref(), run, seed).await;
                say(if self.json { crate::to_json(&json(&tried)) } else { page(&tried) });
                all.push(tried);
            }
            Ok(all)
        };
        let (all, closed) = conclude(&runner.session, work).await?;
        let results: Vec<RunResult> = all.iter().map(|tried| tried.result.clone()).collect();
        let about = About { images: named, ..About::ending(runner.session.id(), How::Try(self.file)) };
        crate::keep_session(runner.session.results(), &results, &about)?;
        if !self.json && self.repeat > 1 {
            say(summary(&all));
        }
        ended(campaign::exit_code(&results), closed)
    }
}

/// One run as a JSON object.
fn json(Tried { result, told }: &Tried) -> serde_json::Value {
    let figures = told.iter().flat_map(|told| &told.figures);
    let figures: serde_json::Map<_, _> = figures.map(|&(name, value)| (name.to_owned(), number(value))).collect();
    serde_json::json!({
        "id": result.id,
        "run": result.run,
        "outcome": result.outcome,
        "reason": result.reason,
        "seed": result.seed,
        "figures": figures,
        "found": result.score.findings,
        "meaning": told.as_ref().map(|told| &told.meaning),
        "duration_ms": result.duration_ms,
        "run_dir": result.run_dir,
    })
}

/// A count stays a whole number.
fn number(value: f64) -> serde_json::Value {
    if value.fract() == 0.0 { (value as i64).into() } else { value.into() }
}

/// One run for people.
fn page(Tried { result, told }: &Tried) -> String {
    let mut lines = vec![headline(result)];
    let Told { lines: found, meaning, .. } = told.clone().unwrap_or_default();
    let width = found.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    lines.extend(found.iter().map(|(what, text)| format!("  {what:<width$}  {text}")));
    if !meaning.is_empty() {
        lines.push("what it means".into());
        lines.extend(meaning.iter().map(|text| format!("  - {text}")));
    }
    lines.push(format!("kept in {}", result.run_dir.display()));
    lines.join("\n")
}

fn headline(result: &RunResult) -> String {
    let word = match result.outcome {
        Outcome::Pass => "HOLDS: no acknowledged update was lost or done twice",
        Outcome::Fail => "DOES NOT HOLD",
        Outcome::Inconclusive | Outcome::Skipped => "INCONCLUSIVE: nothing is proved",
    };
    result.reason.as_ref().map_or_else(|| word.to_owned(), |reason| format!("{word}: {reason}"))
}

/// Many runs for people: how many held, and each figure's median and extremes.
fn summary(all: &[Tried]) -> String {
    let count = |outcome| all.iter().filter(|tried| tried.result.outcome == outcome).count();
    let (held, broken) = (count(Outcome::Pass), count(Outcome::Fail));
    let rest = all.len() - held - broken;
    let mut lines = vec![format!("\n{held} of {} held, {broken} did not, {rest} proved nothing; medians:", all.len())];
    let told: Vec<_> = all.iter().filter_map(|tried| tried.told.as_ref()).collect();
    let names = told.first().map(|told| told.figures.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for name in names.unwrap_or_default() {
        let of = |told: &&Told| told.figures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let values: Vec<f64> = told.iter().filter_map(of).collect();
        let (least, most) = (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max));
        if let (Some(median), Some(least), Some(most)) = (reenact_core::stats::median(values), least, most) {
            lines.push(format!("  {name:<14} {median:>9} ({least} to {most})"));
        }
    }
    lines.join("\n")
}
