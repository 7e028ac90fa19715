//! Detectors and a user's rules side by side, where a run was scored against rules.

use maud::{Markup, html};

use super::alerts::{picture, word};
use crate::{
    alerts::{Beside, after},
    text::short,
};
use reenact_run::campaign::RunResult;

/// The longest texts, in letters, and how many detectors' words are shown.
const TEXT: usize = 600;
const EPISODES: usize = 30;

/// When each detector fired and when each rule did; nothing where no rules were scored.
pub(super) fn section(run: &RunResult) -> Markup {
    let Some(beside) = Beside::read(&run.run_dir) else { return html! {} };
    let (onset, pace) = (beside.scored.onset_ms as f64 / 1e3, beside.scored.pace);
    let fired: Vec<(f64, String)> = run
        .score
        .episodes
        .iter()
        .take(EPISODES)
        .map(|episode| ((episode.from.0 as f64 / 1e3 - onset) * pace, episode.detector.clone()))
        .collect();
    html! {
        h4 { "Your rules beside our detectors" }
        p.soft { "Seconds of production after the first fault." }
        (picture::picture(&beside.scored, &|rule| beside.name(rule), &fired))
        table.events {
            thead { tr { th scope="col" { "who" } th scope="col" { "verdict" } th scope="col" { "after" } th scope="col" { "why" } } }
            tbody {
                @for (at, detector) in &fired {
                    tr { th scope="row" { "detector " code { (short(detector, TEXT)) } } td.word { "fired" } td { (format!("{at:.1} s")) } td.text {} }
                }
                @for row in &beside.scored.rows {
                    tr {
                        th scope="row" { "rule " (short(&beside.name(row.rule), TEXT)) }
                        td.word { (word(row.verdict)) }
                        td { (after(row)) }
                        td.text { (short(&row.reason, TEXT)) }
                    }
                }
            }
        }
    }
}
