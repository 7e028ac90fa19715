//! Tables for the terminal.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
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
    if let Some(columns) = width() {
        table.set_width(columns);
    }
    table
}

/// How many columns the terminal has; `None` for what is piped into something else, which is as
/// wide as it is.
fn width() -> Option<u16> {
    Term::stdout().size_checked().map(|(_, columns)| columns)
}

/// A list after its title, over as many lines as the terminal needs.
pub(super) fn listed(title: &str, names: &[&str]) -> String {
    listed_within(title, names, width().map_or(usize::MAX, usize::from))
}

fn listed_within(title: &str, names: &[&str], width: usize) -> String {
    let mut lines = vec![format!("{title}:")];
    for (at, name) in names.iter().enumerate() {
        let word = format!(" {name}{}", if at + 1 < names.len() { "," } else { "" });
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() <= width => line.push_str(&word),
            _ => lines.push(format!(" {word}")),
        }
    }
    lines.join("\n")
}

/// The scenarios there are, and which of them are the core.
pub fn list(scenarios: &[&Scenario]) -> String {
    let mut table = table(&["scenario", "core", "kind", "must fire", "what happens"]);
    for scenario in scenarios {
        let kind = if scenario.kind == Kind::Twin { "twin" } else { "incident" };
        let story = scenario.story.split_once(". ").map_or(scenario.story.as_str(), |(first, _)| first);
        let core = if scenario.core { "●" } else { "" };
        table.add_row([scenario.id.as_str(), core, kind, scenario.detector.unwrap_or("nothing"), story]);
    }
    let core = scenarios.iter().filter(|scenario| scenario.core).count();
    format!(
        "{table}\n● the core, {core} of {}: what `cargo test --test scenarios` runs; the others are variants of what it \
         tries, which `-- --include-ignored` runs too. `reenact explain SCENARIO` says why one is in it.",
        scenarios.len()
    )
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

/// What is told of each scenario's runs beside its name, and in which order it is left out where
/// the terminal has no room: the last first.
const COLUMNS: [(&str, u8); 10] = [
    ("passed", 0),
    ("start", 6),
    ("inject", 8),
    ("detect", 2),
    ("recover", 3),
    ("prints", 7),
    ("acked", 5),
    ("lost", 1),
    ("alarms", 1),
    ("time", 4),
];
/// The room that a scenario's name needs at least; longer ones go on in the next line.
const NAME: usize = 24;

/// One row per scenario: how many of its runs passed, and the medians. What no scenario has is
/// left out, and so is what the terminal has no room for.
pub fn summary(results: &[RunResult]) -> String {
    summary_within(results, width().map_or(usize::MAX, usize::from)).to_string()
}

fn summary_within(results: &[RunResult], width: usize) -> Table {
    let ms = |value: Option<f64>| value.map_or_else(|| "–".into(), time);
    let rows: Vec<_> = rows(results).iter().map(|row| (row.id.to_owned(), cells(row, ms))).collect();
    let columns = fitting(&rows.iter().map(|(_, cells)| cells).collect::<Vec<_>>(), width);
    let mut table =
        table(&std::iter::once("scenario").chain(columns.iter().map(|at| COLUMNS[*at].0)).collect::<Vec<_>>());
    for at in 1..=columns.len() {
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    for (id, cells) in &rows {
        let cells = columns.iter().map(|at| Cell::new(&cells[*at]).set_alignment(CellAlignment::Right));
        table.add_row(std::iter::once(Cell::new(id)).chain(cells));
    }
    table
}

fn cells(row: &Row<'_>, ms: impl Fn(Option<f64>) -> String) -> [String; COLUMNS.len()] {
    [
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
    ]
}

/// Those of the [`COLUMNS`] that some row has, and for which there is room.
fn fitting(rows: &[&[String; COLUMNS.len()]], width: usize) -> Vec<usize> {
    let wide = |at: &usize| {
        let cells = rows.iter().map(|cells| cells[*at].chars().count());
        cells.chain([COLUMNS[*at].0.len()]).max().unwrap_or_default() + 2
    };
    let mut kept: Vec<usize> = (0..COLUMNS.len()).filter(|at| rows.iter().any(|cells| cells[*at] != "–")).collect();
    while kept.len() > 1 && kept.iter().map(wide).sum::<usize>() + NAME > width {
        let last = kept.iter().copied().max_by_key(|at| COLUMNS[*at].1);
        kept.retain(|at| Some(*at) != last);
    }
    kept
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(of: [&str; COLUMNS.len()]) -> [String; COLUMNS.len()] {
        of.map(str::to_owned)
    }

    fn names(rows: &[[String; COLUMNS.len()]], width: usize) -> Vec<&'static str> {
        fitting(&rows.iter().collect::<Vec<_>>(), width).into_iter().map(|at| COLUMNS[at].0).collect()
    }

    #[test]
    fn what_no_scenario_has_is_left_out() {
        let rows = [row(["1 of 1", "1 s", "–", "–", "–", "–", "7", "0", "0", "2 s"])];
        assert_eq!(names(&rows, usize::MAX), ["passed", "start", "acked", "lost", "alarms", "time"]);
    }

    #[test]
    fn a_narrow_terminal_shows_what_counts() {
        let full =
            row(["10 of 10", "10.25 s", "105.2 ms", "12.25 s", "22.25 s", "13/13", "12345", "1776", "0", "40.25 s"]);
        let wide = names(std::slice::from_ref(&full), 120);
        assert_eq!(wide.len(), COLUMNS.len(), "{wide:?}");
        let narrow = names(std::slice::from_ref(&full), 80);
        assert_eq!(narrow, ["passed", "detect", "recover", "lost", "alarms", "time"]);
        assert_eq!(names(&[full], 1), ["passed"], "something is always told");
    }

    #[test]
    fn a_long_list_goes_on_in_the_next_line() {
        assert_eq!(listed_within("one", &["a", "b"], usize::MAX), "one: a, b");
        let lines = listed_within("one", &["aaaa", "bbbb", "cccc"], 12);
        assert_eq!(lines, "one: aaaa,\n  bbbb, cccc");
    }
}
