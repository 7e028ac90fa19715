//! Tables for the terminal.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use console::Term;

use reenact_core::stats::median;
use reenact_run::{
    campaign::{Kind, Outcome, RunResult, Scenario},
    contract::{Proof, Step},
    score::Fingerprints,
};

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header).set_content_arrangement(ContentArrangement::Dynamic);
    // A table that is piped into something else is as wide as it is.
    if let Some((_, columns)) = Term::stdout().size_checked() {
        table.set_width(columns);
    }
    table
}

/// The scenarios there are.
pub fn list(scenarios: &[&Scenario]) -> String {
    let mut table = table(&["scenario", "kind", "must fire", "what happens"]);
    for scenario in scenarios {
        let kind = if scenario.kind == Kind::Twin { "twin" } else { "incident" };
        let story = scenario.story.split_once(". ").map_or(scenario.story.as_str(), |(first, _)| first);
        table.add_row([scenario.id.as_str(), kind, scenario.detector.unwrap_or("nothing"), story]);
    }
    table.to_string()
}

/// What the contract proves of each scenario: `●` proved; a number stands for the reason why a
/// step is not, told below.
pub fn contract(scenarios: &[&Scenario]) -> String {
    let header: Vec<_> = std::iter::once("scenario").chain(Step::ALL.map(Step::name)).collect();
    let (mut table, mut reasons) = (table(&header), Vec::new());
    for scenario in scenarios {
        let mut row = vec![scenario.id.clone()];
        for step in Step::ALL {
            row.push(match scenario.contract.get(&step) {
                Some(Proof::Proved) => "●".to_owned(),
                Some(Proof::Reason(why)) => {
                    let known = reasons.iter().position(|other| other == why);
                    let number = known.unwrap_or_else(|| {
                        reasons.push(why.clone());
                        reasons.len() - 1
                    });
                    (number + 1).to_string()
                }
                None => "?".to_owned(),
            });
        }
        table.add_row(row);
    }
    let reasons = reasons.iter().enumerate().map(|(at, why)| format!("{:>3}  {why}", at + 1));
    std::iter::once(table.to_string()).chain(reasons).collect::<Vec<_>>().join("\n")
}

/// One row per scenario: how many of its runs passed, and the medians.
pub fn summary(results: &[RunResult]) -> String {
    let mut table = table(&[
        "scenario", "passed", "start", "inject", "detect", "recover", "prints", "acked", "lost", "alarms", "time",
    ]);
    let ms = |value: Option<f64>| value.map_or_else(|| "–".into(), time);
    for row in rows(results) {
        let row = [
            row.id.to_owned(),
            format!("{} of {}", row.passed, row.runs),
            ms(row.start_ms),
            ms(row.inject_ms),
            ms(row.detect_ms),
            ms(row.recover_ms),
            row.prints.map_or_else(|| "–".into(), |prints| format!("{}/{}", prints.seen, prints.total)),
            row.acked.to_string(),
            row.lost.to_string(),
            row.alarms.to_string(),
            ms(row.took_ms),
        ];
        let align = |(at, text): (usize, String)| {
            Cell::new(text).set_alignment(if at == 0 { CellAlignment::Left } else { CellAlignment::Right })
        };
        table.add_row(row.into_iter().enumerate().map(align));
    }
    table.to_string()
}

/// What the runs of one scenario come to.
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) runs: usize,
    pub(super) passed: usize,
    /// Medians, of the runs that came so far.
    pub(super) start_ms: Option<f64>,
    pub(super) inject_ms: Option<f64>,
    pub(super) detect_ms: Option<f64>,
    pub(super) recover_ms: Option<f64>,
    pub(super) took_ms: Option<f64>,
    /// Of the run that saw fewest; `None`: none looked for any.
    pub(super) prints: Option<&'a Fingerprints>,
    /// Sums.
    pub(super) acked: usize,
    pub(super) lost: usize,
    pub(super) alarms: usize,
}

/// One row per scenario, by id.
pub(super) fn rows(results: &[RunResult]) -> Vec<Row<'_>> {
    let mut by_id: BTreeMap<&str, Vec<&RunResult>> = BTreeMap::new();
    for result in results {
        by_id.entry(&result.id).or_default().push(result);
    }
    by_id.into_iter().map(|(id, runs)| row(id, &runs)).collect()
}

fn row<'a>(id: &'a str, runs: &[&'a RunResult]) -> Row<'a> {
    let ms =
        |pick: &dyn Fn(&RunResult) -> Option<f64>| median(runs.iter().filter_map(|run| pick(run)).collect::<Vec<_>>());
    let sum = |pick: fn(&RunResult) -> usize| runs.iter().map(|run| pick(run)).sum();
    let looked = runs.iter().map(|run| &run.score.fingerprints).filter(|prints| prints.total > 0);
    Row {
        id,
        runs: runs.len(),
        passed: runs.iter().filter(|run| run.outcome == Outcome::Pass).count(),
        start_ms: ms(&|run| Some(run.score.start_ms? as f64)),
        inject_ms: ms(&|run| run.score.inject_ms()),
        detect_ms: ms(&|run| Some(run.score.detect_ms? as f64)),
        recover_ms: ms(&|run| Some(run.score.recover_ms? as f64)),
        took_ms: ms(&|run| Some(run.duration_ms as f64)),
        prints: looked.min_by_key(|prints| prints.seen),
        acked: sum(|run| run.score.acked),
        lost: sum(|run| run.score.lost),
        alarms: sum(|run| run.score.false_alarms.len()),
    }
}

/// What the scenarios themselves tell, as medians over their runs; `None` if none of
/// them tells anything.
pub fn facts(results: &[RunResult]) -> Option<String> {
    let mut told: BTreeMap<&str, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
    for result in results.iter().filter(|result| !result.score.facts.is_empty()) {
        let row = told.entry(&result.id).or_default();
        for (name, value) in &result.score.facts {
            row.entry(name).or_default().push(*value);
        }
    }
    let names: BTreeSet<_> = told.values().flat_map(BTreeMap::keys).copied().collect();
    let mut table = table(&std::iter::once("scenario").chain(names.iter().copied()).collect::<Vec<_>>());
    for (id, row) in &told {
        let median = |name: &&str| row.get(name).and_then(|values| median(values.clone()));
        let cells = names.iter().map(|name| median(name).map_or_else(|| "–".into(), number));
        let right = cells.map(|text| Cell::new(text).set_alignment(CellAlignment::Right));
        table.add_row(std::iter::once(Cell::new(id)).chain(right));
    }
    (!told.is_empty()).then(|| table.to_string())
}

/// A whole number as such, others with two digits.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

pub(super) fn time(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.1} ms") } else { format!("{:.2} s", ms / 1000.0) }
}
