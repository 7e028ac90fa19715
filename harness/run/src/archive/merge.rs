//! Joins sessions, such as those of CI's shards, into one.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Saved, Skipped, folders};
use crate::campaign::{FINDINGS, Folder, RunResult, SCORE};
use reenact_core::{Error, Result};

/// A session that was joined from others.
#[derive(Debug)]
pub struct Merged {
    /// All its runs, those that were there before too.
    pub runs: Vec<RunResult>,
    /// Runs that got another number, for another run had theirs: what it was and is.
    pub renumbered: Vec<(RunResult, RunResult)>,
    /// Where the same run was found once more.
    pub again: Vec<PathBuf>,
    /// Folders of runs without a verdict, left where they are.
    pub skipped: Vec<Skipped>,
    /// What these sessions have found, or met again; and what stood beside it, left where it is.
    pub found: Folder,
}

/// Joins the runs of these folders into one session's folder. Files are hard-linked where
/// that can be, else copied; the sources stay as they are. What is in `into` stays too.
///
/// A run that is there already is not taken twice. Another run with the same scenario and
/// number gets the next number that is free. The plans of what campaigns found come along; what is no
/// finding in their folders keeps nothing from being joined, and is named.
///
/// # Errors
/// As [`Saved::load`]; [`Error::Usage`] if `into` holds something else than runs;
/// [`Error::File`] if anything cannot be written.
pub fn merge(sources: &[PathBuf], into: &Path) -> Result<Merged> {
    let Saved { runs, skipped } = Saved::load_all(sources)?;
    let there = present(into)?;
    let mut found = Folder::read(&into.join(FINDINGS))?;
    for source in sources {
        found.extend(Folder::read(&source.join(FINDINGS))?);
    }
    found.findings = found.findings.keep(&into.join(FINDINGS))?;
    let mut merged = Merged { runs: there, renumbered: Vec::new(), again: Vec::new(), skipped, found };
    for run in runs {
        if merged.runs.iter().any(|known| is_same(known, &run)) {
            merged.again.push(run.run_dir);
            continue;
        }
        let joined = numbered(&run, &merged.runs, into);
        copy(&run.run_dir, &joined.run_dir)?;
        joined.write_to(&joined.run_dir)?;
        merged.runs.push(joined.clone());
        if joined.run != run.run {
            merged.renumbered.push((run, joined));
        }
    }
    merged.runs.sort_by(|a, b| (&a.id, a.run, a.seed).cmp(&(&b.id, b.run, b.seed)));
    Ok(merged)
}

/// The runs that `into` holds already; it is made if need be.
pub(super) fn present(into: &Path) -> Result<Vec<RunResult>> {
    if into.is_file() || into.join(SCORE).exists() {
        return Err(Error::usage(
            format!("{} is no place for a session", into.display()),
            "give --into a folder that is new, empty, or a session's",
        ));
    }
    fs::create_dir_all(into).map_err(Error::file("create", into))?;
    let runs = Saved::session(into)?.runs;
    // A session may have found something and kept no run.
    let is_other = |folder: &PathBuf| !folder.ends_with(FINDINGS);
    if runs.is_empty() && folders(into)?.iter().any(is_other) {
        return Err(Error::usage(
            format!("{} holds other folders, and no run", into.display()),
            "give --into a folder that is new, empty, or a session's",
        ));
    }
    Ok(runs)
}

/// Whether these are one run, wherever its folder is and whatever its number became.
fn is_same(one: &RunResult, other: &RunResult) -> bool {
    let alike = RunResult { run: one.run, run_dir: one.run_dir.clone(), ..other.clone() };
    *one == alike
}

/// The run with a number that no other one of its scenario has, and its folder.
pub(super) fn numbered(run: &RunResult, others: &[RunResult], into: &Path) -> RunResult {
    let taken: BTreeSet<u32> = others.iter().filter(|other| other.id == run.id).map(|other| other.run).collect();
    let number = if taken.contains(&run.run) { (1..).find(|number| !taken.contains(number)) } else { None };
    let number = number.unwrap_or(run.run);
    let name = format!("{}.{number}", run.id.replace("::", "."));
    RunResult { run: number, run_dir: into.join(name), ..run.clone() }
}

/// Links or copies all files of a folder but its score, and those of the folders in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::file("create", to))?;
    let entries = fs::read_dir(from).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    for entry in entries.map_err(Error::file("read", from))? {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(Error::file("read", &path))?;
        if kind.is_dir() {
            copy(&path, &target)?;
        } else if entry.file_name() != SCORE {
            link(&path, &target).map_err(Error::file("write", target))?;
        }
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    // Left by a merge that was cut off.
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Another file system, or one without hard links.
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}
