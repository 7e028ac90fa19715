//! What a run's folder holds. Nothing in it is trusted to be there, to be whole, or to be
//! small: what cannot be read becomes a remark on the page.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use serde::de::DeserializeOwned;

use super::logs::{self, Log};
use crate::Timeline;
use reenact_core::{
    journal::Event,
    probe::{Moment, StateChange},
    workload::Entry,
};
use reenact_run::campaign::RunResult;

/// How much is read of one file, in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// Of how many nodes logs are shown.
const MOST_LOGS: usize = 40;
/// How many files of a folder are named.
const MOST_FILES: usize = 60;

/// How much the page may still grow, in bytes. What is shown first has the first claim.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Default for Room {
    /// 20 MB for what is shown of the runs; the rest of the page is small.
    fn default() -> Self {
        Self(20 << 20)
    }
}

impl Room {
    /// Whether there is room for so many bytes; if so they are taken.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// What was read of a run's folder.
#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) timeline: Timeline,
    pub(super) logs: Vec<Log>,
    /// The names of its files.
    pub(super) files: Vec<String>,
    /// What could not be read, and why.
    pub(super) gaps: Vec<String>,
}

impl Recording {
    /// Reads what a run has kept.
    pub(super) fn read(result: &RunResult) -> Self {
        let mut recording = Self::default();
        recording.files = match files(&result.run_dir) {
            Ok(files) => files,
            Err(error) => {
                recording.gaps.push(format!("its folder cannot be read: {error}"));
                return recording;
            }
        };
        let dir = &result.run_dir;
        recording.timeline = timeline(dir, result, &mut recording.gaps);
        let logs = recording.files.iter().filter(|name| name.ends_with(".log"));
        for name in logs.take(MOST_LOGS) {
            match contents(&dir.join(name), Part::Last) {
                Ok((bytes, whole)) => recording.logs.push(logs::excerpt(name, &bytes, whole)),
                Err(error) => recording.gaps.push(format!("{name} cannot be read: {error}")),
            }
        }
        recording
    }
}

/// The run as a picture, as far as its files tell.
pub(super) fn timeline(dir: &Path, result: &RunResult, gaps: &mut Vec<String>) -> Timeline {
    let events: Vec<Event> = lines(dir, "events.jsonl", gaps);
    let states: Vec<StateChange> = lines(dir, "states.jsonl", gaps);
    let entries: Vec<Entry> = lines(dir, "ledger.jsonl", gaps);
    // No moment can be later than the run's end, whatever a damaged file says.
    let told = events.iter().map(|event| event.at).chain(entries.iter().map(|entry| entry.to));
    let end = told.filter(|at| at.0 <= result.duration_ms).max().unwrap_or(Moment(result.duration_ms));
    Timeline {
        title: String::new(),
        end,
        events,
        states,
        episodes: result.score.episodes.clone(),
        false_alarms: result.score.false_alarms.clone(),
        entries,
        lost: result.score.findings.as_ref().map(|found| found.lost.clone()).unwrap_or_default(),
    }
}

/// The names of a folder's files, in order.
fn files(dir: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(dir)?.filter_map(Result::ok);
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: Vec<_> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names.truncate(MOST_FILES);
    Ok(names)
}

/// A file of JSON lines; what is no such line is left out, and counted.
fn lines<T: DeserializeOwned>(dir: &Path, name: &str, gaps: &mut Vec<String>) -> Vec<T> {
    let (bytes, whole) = match contents(&dir.join(name), Part::First) {
        Ok(read) => read,
        Err(error) => {
            gaps.push(format!("{name} cannot be read: {error}"));
            return Vec::new();
        }
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let (read, damaged): (Vec<_>, Vec<_>) = lines.map(serde_json::from_slice).partition(Result::is_ok);
    if let Some(Err(error)) = damaged.first() {
        gaps.push(format!("{name}: {} lines are damaged; the first one: {error}", damaged.len()));
    }
    if !whole {
        gaps.push(format!("{name} is too large; only its first {} MB were read", MOST_BYTES >> 20));
    }
    read.into_iter().filter_map(Result::ok).collect()
}

/// Which part of a file counts where not all of it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    First,
    Last,
}

/// A file's content, and whether that is all of it.
fn contents(path: &Path, part: Part) -> io::Result<(Vec<u8>, bool)> {
    // A pipe would never come to an end, and a link lead elsewhere.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if part == Part::Last && size > MOST_BYTES {
        file.seek(SeekFrom::Start(size - MOST_BYTES))?;
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok((bytes, size <= MOST_BYTES))
}
