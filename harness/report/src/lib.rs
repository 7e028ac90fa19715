//! What people and machines read: the live view, a table, JSON lines, JUnit, and a page.

pub mod alerts;
pub mod cli;
pub mod compare;
mod compared;
mod covered;
mod diagnosed;
pub mod doctor;
pub mod documents;
mod drilled;
mod found;
mod html;
mod junit;
mod matrix;
mod rescored;
mod suite;
mod table;
mod text;
mod timeline;

use std::{fs, path::Path};

use serde::Serialize;
use serde_json::{Value, json};

use reenact_core::{Error, Result};
use reenact_run::campaign::RunResult;

pub use compared::{compared, compared_markdown};
pub use covered::coverage;
pub use found::{findings, findings_json};
pub use html::{About, How, html};
pub use junit::junit;
pub use matrix::matrix;
pub use rescored::{rescored, rescored_json, rescored_summary};
pub use suite::{Hold, suite};
pub use table::{contract, facts, list, summary};
pub use timeline::Timeline;

/// What the crate's macros need from other crates.
#[doc(hidden)]
pub mod private {
    pub use inventory;
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

/// Keeps the picture of a run in its folder.
///
/// # Errors
/// [`Error::File`] if it cannot be written.
pub fn keep_picture(result: &RunResult) -> Result<()> {
    let path = result.run_dir.join("timeline.svg");
    fs::write(&path, html::picture(result).svg()).map_err(Error::file("write", path))
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

/// Serializes for the terminal's standard output.
pub fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}
