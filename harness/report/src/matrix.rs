//! The matrix of detectors against scenarios: each detector is held against every
//! system's incidents, not only its own.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{listed, table};
use reenact_run::{campaign::RunResult, score::Score};

/// What each detector said in each scenario: a column per system, a sign per detector.
pub fn matrix(results: &[RunResult]) -> String {
    let signs = signs(results);
    let systems = systems_that_ran(&signs);
    let mut table = table(&std::iter::once("scenario").chain(systems.keys().copied()).collect::<Vec<_>>());
    for (id, row) in &signs {
        let column = |(system, names): (&&str, &Vec<&str>)| {
            let sign = |name: &&str| row.get(format!("{system}/{name}").as_str()).map_or(' ', |sign| sign.symbol());
            names.iter().map(sign).collect::<String>()
        };
        table.add_row(std::iter::once((*id).to_owned()).chain(systems.iter().map(column)));
    }
    let legend: Vec<_> = systems.iter().map(|(system, names)| listed(system, names)).collect();
    format!(
        "{table}\n● fired, as it should or may   ! false alarm\n· quiet   - nothing of its system was seen\n{}",
        legend.join("\n")
    )
}

/// A scenario's detectors, each with the worst sign of all its runs.
pub(super) type Signs<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Sign>>;

/// The signs of all scenarios, by id.
pub(super) fn signs(results: &[RunResult]) -> Signs<'_> {
    let mut signs = Signs::new();
    for result in results {
        let row = signs.entry(&result.id).or_default();
        for detector in result.score.detectors.keys() {
            let sign = Sign::of(&result.score, detector);
            row.entry(detector).and_modify(|worst| *worst = sign.max(*worst)).or_insert(sign);
        }
    }
    signs
}

/// The names of all detectors, by system.
pub(super) fn systems<'a>(signs: &Signs<'a>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let detectors: BTreeSet<_> = signs.values().flat_map(BTreeMap::keys).copied().collect();
    let mut systems: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in detectors {
        let (system, name) = id.split_once('/').unwrap_or(("", id));
        systems.entry(system).or_default().push(name);
    }
    systems
}

/// The same for the systems of which anything was seen.
fn systems_that_ran<'a>(signs: &Signs<'a>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut systems = systems(signs);
    let told = signs.values().flatten().filter(|(_, sign)| **sign != Sign::Unknown);
    let ran: BTreeSet<_> = told.map(|(id, _)| id.split('/').next().unwrap_or(id)).collect();
    systems.retain(|system, _| ran.contains(system));
    systems
}

/// What a detector's word comes to, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// It never could tell.
    Unknown,
    /// It was silent.
    Quiet,
    /// It fired, as it should or may.
    Fired,
    /// It fired and should not have.
    FalseAlarm,
}

impl Sign {
    fn of(score: &Score, detector: &str) -> Self {
        match score.detectors.get(detector).map(String::as_str) {
            _ if score.false_alarms.iter().any(|id| id == detector) => Self::FalseAlarm,
            Some("fired") => Self::Fired,
            Some("quiet") => Self::Quiet,
            _ => Self::Unknown,
        }
    }

    pub(super) fn symbol(self) -> char {
        match self {
            Self::Unknown => '-',
            Self::Quiet => '·',
            Self::Fired => '●',
            Self::FalseAlarm => '!',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reenact_run::{campaign::Outcome, campaign::Setup};

    fn result(id: &str, words: &[(&str, &str)], alarms: &[&str]) -> RunResult {
        let score = Score {
            detectors: words.iter().map(|(id, word)| ((*id).into(), (*word).into())).collect(),
            false_alarms: alarms.iter().map(|&id| id.into()).collect(),
            ..Score::default()
        };
        RunResult {
            unproved: false,
            id: id.into(),
            run: 1,
            outcome: Outcome::Pass,
            reason: None,
            seed: 1,
            duration_ms: 1,
            run_dir: "/".into(),
            setup: Setup::default(),
            score,
            exit_code: 0,
        }
    }

    #[test]
    fn a_false_alarm_in_one_of_many_runs_shows() {
        let fine = result("a::one", &[("a/x", "fired"), ("a/y", "quiet"), ("b/z", "unknown")], &[]);
        let alarm = result("a::one", &[("a/x", "fired"), ("a/y", "fired"), ("b/z", "unknown")], &["a/y"]);
        assert!(matrix(std::slice::from_ref(&fine)).contains("●·"));
        let both = matrix(&[fine, alarm]);
        let row = both.lines().find(|line| line.contains("a::one")).expect("a row");
        assert!(row.contains("●!"), "{row}");
        assert!(both.contains("a: x, y") && !both.contains("b: z"), "only what ran: {both}");
        let deaf = result("b::two", &[("a/x", "unknown"), ("b/z", "quiet")], &[]);
        let row = matrix(&[result("a::one", &[("a/x", "fired"), ("b/z", "unknown")], &[]), deaf]);
        assert!(row.lines().any(|line| line.contains("b::two") && line.contains('-')), "{row}");
    }
}
