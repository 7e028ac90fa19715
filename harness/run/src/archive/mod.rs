//! Runs that are over: read back from their folders, rescored, merged, packed. None of
//! it needs Docker.
//!
//! A run is a folder with `score.json`; a session is a folder of runs. Where a run is
//! found counts, not where its score says that it was.

mod merge;
mod metrics;
mod pack;
mod part;
mod recording;
mod rescore;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    campaign::{RunResult, SCORE},
    score::Score,
};
use reenact_core::{Error, Result};

pub use merge::{Merged, merge};
pub use metrics::{load_metrics, pack_metrics};
pub use pack::pack;
pub use part::{Part, Whole};
pub use recording::Recording;
pub use rescore::{Change, Rescored, VerdictChange, accept, rescore};

/// What a run leaves from its first moment on.
const EVENTS: &str = "events.jsonl";

/// Runs as they were found.
#[derive(Debug, Default, Clone)]
pub struct Saved {
    /// The runs, by scenario and number; `run_dir` is where each was found.
    pub runs: Vec<RunResult>,
    /// Folders of runs that have no verdict.
    pub skipped: Vec<Skipped>,
}

/// A run's folder that holds no whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The folder.
    pub path: PathBuf,
    /// What it lacks.
    pub why: String,
}

impl Saved {
    /// Reads a run's folder, or all runs of a session's. In a session, runs that were cut
    /// off are skipped and named.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such folder, no run in it, or a score that cannot
    /// be understood; [`Error::File`] if the system refuses to read one.
    pub fn load(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(not_a_folder(path, "is a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_a_folder(path, "is not there")),
            Err(error) => return Err(Error::file("read", path)(error)),
        }
        if path.join(SCORE).exists() {
            let run = read(path)?.map_err(|why| unusable(path, &why))?;
            return Ok(Self { runs: vec![run], skipped: Vec::new() });
        }
        let saved = Self::session(path)?;
        // A shard may have had nothing to run, and says so.
        let is_shard = path.join(part::PART).exists();
        if saved.runs.is_empty() && !is_shard { Err(nothing_in(path, &saved.skipped)) } else { Ok(saved) }
    }

    /// Reads several folders as one.
    ///
    /// # Errors
    /// As [`Saved::load`].
    pub fn load_all(paths: &[PathBuf]) -> Result<Self> {
        let mut all = Self::default();
        for path in paths {
            let Self { runs, skipped } = Self::load(path)?;
            all.runs.extend(runs);
            all.skipped.extend(skipped);
        }
        Ok(all)
    }

    fn session(path: &Path) -> Result<Self> {
        let mut saved = Self::default();
        for folder in folders(path)? {
            if folder.join(SCORE).exists() {
                match read(&folder)? {
                    Ok(run) => saved.runs.push(run),
                    Err(Broken::CutOff) => saved.skip(folder, format!("its {SCORE} was cut off")),
                    Err(why @ Broken::Wrong(_)) => return Err(unusable(&folder, &why)),
                }
            } else if folder.join(EVENTS).exists() {
                saved.skip(folder, format!("it was cut off: there is no {SCORE}"));
            }
        }
        saved.runs.sort_by(|a, b| (&a.id, a.run, a.seed).cmp(&(&b.id, b.run, b.seed)));
        Ok(saved)
    }

    fn skip(&mut self, path: PathBuf, why: String) {
        self.skipped.push(Skipped { path, why });
    }
}

/// Why a score cannot be used.
enum Broken {
    /// It ends too early.
    CutOff,
    /// It is no score.
    Wrong(serde_json::Error),
}

/// Reads a run's score, as one that stands where it is found.
fn read(folder: &Path) -> Result<Result<RunResult, Broken>> {
    Ok(read_raw(folder)?.map(|run| found_in(folder, run)))
}

/// Reads a run's score with the place that it names itself.
fn read_as_written(folder: &Path) -> Result<RunResult> {
    read_raw(folder)?.map_err(|why| unusable(folder, &why))
}

fn read_raw(folder: &Path) -> Result<Result<RunResult, Broken>> {
    let path = folder.join(SCORE);
    let text = fs::read(&path).map_err(Error::file("read", path))?;
    Ok(serde_json::from_slice(&text).map_err(|error| match error.is_eof() {
        true => Broken::CutOff,
        false => Broken::Wrong(error),
    }))
}

/// A run as it was found; of older ones, some is told by the rest.
fn found_in(folder: &Path, mut run: RunResult) -> RunResult {
    run.run_dir = folder.to_path_buf();
    let Score { expected, detectors, false_alarms, .. } = &mut run.score;
    if expected.is_empty() {
        let fired = detectors.iter().filter(|(_, word)| *word == "fired").map(|(id, _)| id);
        *expected = fired.filter(|id| !false_alarms.contains(id)).cloned().collect();
    }
    run
}

/// The folders in a folder, by name.
fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(path).and_then(|entries| {
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths.collect::<io::Result<Vec<_>>>()
    });
    let mut folders = listed.map_err(Error::file("read", path))?;
    folders.retain(|entry| entry.is_dir());
    folders.sort();
    Ok(folders)
}

const HELP: &str = "name a session's folder, such as results/20260102T030405Z-0b5e77a1, or that of one run";

fn not_a_folder(path: &Path, what: &str) -> Error {
    Error::usage(format!("{} {what}", path.display()), HELP)
}

fn unusable(folder: &Path, why: &Broken) -> Error {
    let path = folder.join(SCORE);
    match why {
        Broken::CutOff => {
            Error::usage(format!("{} was cut off", path.display()), "the run has no verdict: run it again")
        }
        Broken::Wrong(error) => Error::usage(
            format!("{} is no score: {error}", path.display()),
            "if a newer reenact wrote it, use that one; else remove the folder, or name the others",
        ),
    }
}

fn nothing_in(path: &Path, skipped: &[Skipped]) -> Error {
    let sessions: Vec<_> = folders(path).unwrap_or_default();
    let has_runs = |folder: &&PathBuf| folders(folder).unwrap_or_default().iter().any(|run| run.join(SCORE).exists());
    let latest = sessions.iter().rev().find(has_runs);
    let help = match (latest, skipped.first()) {
        (Some(session), _) => format!("it holds sessions; name one, such as {}", session.display()),
        (None, Some(first)) => format!("{}: {}; run it again", first.path.display(), first.why),
        (None, None) => HELP.to_owned(),
    };
    Error::usage(format!("there is no run in {}", path.display()), help)
}

#[cfg(test)]
mod tests;
