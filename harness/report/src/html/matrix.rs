//! The matrix of detectors against scenarios.

use maud::{Markup, html};

use super::group::{Group, NAME, badge, name};
use crate::{
    matrix::{Sign, Signs, signs, systems},
    text::short,
};
use reenact_run::campaign::{Outcome, RunResult};

/// What a cell of the matrix says. Only what a reader looks for is said in words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Nothing,
    Missed,
    Said(Sign),
}

/// Scenarios as rows, detectors as columns by system.
pub(super) fn section(groups: &[Group], results: &[RunResult]) -> Markup {
    let signs = signs(results);
    let systems = systems(&signs);
    // Whether a column is the first one of its system.
    let columns = || {
        systems.iter().flat_map(|(system, names)| {
            names.iter().enumerate().map(move |(at, name)| {
                let id = if system.is_empty() { (*name).to_owned() } else { format!("{system}/{name}") };
                (at == 0, *name, id)
            })
        })
    };
    if systems.is_empty() {
        return html! {};
    }
    html! {
        section #matrix {
            h2 #matrix-title { "Detectors against scenarios" }
            (legend())
            div.box tabindex="0" role="region" aria-labelledby="matrix-title" {
                table.matrix {
                    thead {
                        tr {
                            th.corner scope="col" rowspan="2" { "scenario" }
                            @for (system, names) in &systems {
                                th.system scope="colgroup" colspan=(names.len()) { span { (short(system, NAME)) } }
                            }
                        }
                        tr {
                            @for (first, name, _) in columns() {
                                th.detector.first[first] scope="col" { span { (short(name, NAME)) } }
                            }
                        }
                    }
                    tbody {
                        @for group in groups {
                            tr data-name=(group.name) {
                                th scope="row" { (badge(group.outcome())) " " a href={ "#" (group.anchor) } { (name(&group.name)) } }
                                @for (first, _, id) in columns() { (draw(cell(group, &signs, &id), first)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        ul.legend {
            li { span.fired { "●" } " fired, as it should or may" }
            li { span.alarm { "!" } " false alarm" }
            li { span.missed { "○" } " missed: it should have fired" }
            li { "· quiet" }
            li { "- nothing of its system was seen" }
        }
    }
}

fn cell(group: &Group, signs: &Signs, detector: &str) -> Cell {
    let sign = signs.get(group.id).and_then(|row| row.get(detector)).copied();
    let is_wanted = group.scenario.is_some_and(|scenario| scenario.detector == Some(detector));
    let fired = |run: &&RunResult| run.score.detectors.get(detector).is_some_and(|word| word == "fired");
    match sign {
        None => Cell::Nothing,
        Some(Sign::FalseAlarm) => Cell::Said(Sign::FalseAlarm),
        // In one of many runs is enough.
        Some(_) if is_wanted && group.runs.iter().any(|run| run.outcome != Outcome::Skipped && !fired(run)) => {
            Cell::Missed
        }
        Some(sign) => Cell::Said(sign),
    }
}

fn draw(cell: Cell, first: bool) -> Markup {
    let (class, symbol, word) = match cell {
        Cell::Nothing => ("", ' ', ""),
        Cell::Missed => ("missed", '○', "missed"),
        Cell::Said(sign) => match sign {
            Sign::FalseAlarm => ("alarm", sign.symbol(), "false alarm"),
            Sign::Fired => ("fired", sign.symbol(), "fired"),
            Sign::Quiet | Sign::Unknown => ("", sign.symbol(), ""),
        },
    };
    html! {
        @if class.is_empty() && !first { td { (symbol) } }
        @else { td class={ (class) @if first { " first" } } { (symbol) @if !word.is_empty() { span.unseen { " " (word) } } } }
    }
}
