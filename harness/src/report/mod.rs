//! What people and machines read: the live view, a table, JSON lines, JUnit, and a page.

mod compared;
mod html;
mod junit;
mod matrix;
pub mod progress;
mod rescored;
mod table;
mod text;
mod timeline;

use std::{fs, path::Path};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Error, Result,
    campaign::{Outcome, RunResult},
};

pub use compared::{compared, compared_markdown};
pub use html::{About, How, html};
pub use junit::junit;
pub use matrix::matrix;
pub use rescored::{rescored, rescored_json, rescored_summary};
pub use table::{facts, list, summary};
pub use timeline::Timeline;

/// One run in one line, for people.
pub fn line(result: &RunResult) -> String {
    let word = word(result.outcome);
    let time = result.duration_ms as f64 / 1000.0;
    let line = format!("{word:<12} {} #{} ({time:.1} s)", result.id, result.run);
    match &result.reason {
        Some(reason) => format!("{line}\n    {reason}\n    kept in {}", result.run_dir.display()),
        None => line,
    }
}

/// One run as the JSON object that `run --json` prints.
pub fn json(result: &RunResult) -> Value {
    let score = &result.score;
    json!({
        "id": result.id,
        "run": result.run,
        "outcome": result.outcome,
        "reason": result.reason,
        "seed": result.seed,
        "start_ms": score.start_ms,
        "inject_ms": score.inject_ms(),
        "detect_ms": score.detect_ms,
        "recover_ms": score.recover_ms,
        "fingerprints": score.fingerprints,
        "detectors": score.detectors,
        "false_alarms": score.false_alarms,
        "acked": score.acked,
        "lost": score.lost,
        "facts": score.facts,
        "duration_ms": result.duration_ms,
        "run_dir": result.run_dir,
    })
}

/// Keeps in a session's folder what is made of all its runs. Whatever more is to be made
/// of them belongs here: a session that is run, tried, tested or merged comes by.
///
/// # Errors
/// [`Error::File`] if it cannot be written.
pub fn keep_session(folder: &Path, results: &[RunResult], about: &About) -> Result<()> {
    let path = folder.join("junit.xml");
    fs::write(&path, junit(results)?).map_err(Error::file("write", path))?;
    html::keep(folder, results, about)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "FAIL",
        Outcome::Inconclusive => "INCONCLUSIVE",
        Outcome::Skipped => "skipped",
    }
}

/// The median, if there is any value.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// Serializes for the terminal's standard output.
pub fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_even_and_nothing() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
