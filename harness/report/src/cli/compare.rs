//! `reenact compare`, `reenact baseline` and `reenact merge`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    findings::tell_beside,
    rescore::{note, tell_skipped},
    say,
};
use crate::{
    About, How,
    compare::{self, Compared, Figures},
};
use reenact_core::{Error, Result};
use reenact_run::{
    archive::{self, Merged, Whole},
    campaign::{self, Coverage, Findings, Folder},
};

#[derive(Args)]
pub(super) struct Compare {
    /// The earlier runs: a baseline's file, or a folder of a session or a run
    base: PathBuf,

    /// The later runs, alike
    run: PathBuf,

    /// A scenario of BASE that RUN has no run of is a regression
    #[arg(long)]
    require_all: bool,

    /// Write a summary in Markdown too; `-`: print it in the table's place
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
}

#[derive(Args)]
pub(super) struct Baseline {
    /// Folders of sessions or of single runs
    #[arg(required = true, value_name = "RUN_DIR")]
    folders: Vec<PathBuf>,

    /// The file to keep the figures in
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
}

#[derive(Args)]
pub(super) struct Merge {
    /// Folders of sessions or of single runs; of shards (`campaign --once`), the exit code is the campaign's, or 2 if a
    /// finding cannot be read
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,

    /// The session's folder to make, or to add to
    #[arg(long, value_name = "DIR")]
    into: PathBuf,

    /// A map of what schedules have met on earlier nights: says what is new, and adds it
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,

    /// What earlier nights have found: says what is new, open and gone, and adds it
    #[arg(long, value_name = "DIR")]
    findings: Option<PathBuf>,
}

impl Compare {
    pub(super) fn execute(self) -> Result<u8> {
        let (base, run) = (Figures::load(&self.base)?, Figures::load(&self.run)?);
        tell_skipped(&base.skipped);
        tell_skipped(&run.skipped);
        let compared = compare::compare(base, run, self.require_all);
        match &self.markdown {
            Some(file) if file.as_os_str() == "-" => say(crate::compared_markdown(&compared)),
            _ if self.json => say(crate::to_json(&compared)),
            other => {
                other.as_deref().map_or(Ok(()), |file| keep_markdown(file, &compared))?;
                say(crate::compared(&compared));
            }
        }
        Ok(u8::from(compared.has_regression()))
    }
}

fn keep_markdown(file: &Path, compared: &Compared) -> Result<()> {
    fs::write(file, crate::compared_markdown(compared)).map_err(Error::file("write", file))
}

impl Baseline {
    pub(super) fn execute(self) -> Result<u8> {
        let figures = Figures::of_folders(&self.folders)?;
        tell_skipped(&figures.skipped);
        figures.save(&self.into)?;
        let runs: usize = figures.scenarios.values().map(|sample| sample.passed().1).sum();
        note(&format!("{runs} runs of {} scenarios kept in {}", figures.scenarios.len(), self.into.display()));
        Ok(0)
    }
}

impl Merge {
    pub(super) fn execute(self) -> Result<u8> {
        let whole = Whole::of(&self.folders)?;
        let Merged { runs, renumbered, again, skipped, found } = archive::merge(&self.folders, &self.into)?;
        tell_skipped(&skipped);
        for path in again {
            note(&format!("left out {}: this run is there already", path.display()));
        }
        for (was, is) in renumbered {
            let (id, folder) = (&was.id, was.run_dir.display());
            note(&format!("{folder} is {id} #{} here: #{} was taken by another run", is.run, was.run));
        }
        let name = self.into.file_name().unwrap_or_default().to_string_lossy();
        crate::keep_session(&self.into, &runs, &About::ending(&name, How::Run))?;
        say(crate::summary(&runs));
        crate::facts(&runs).into_iter().for_each(say);
        say(crate::matrix(&runs));
        say(format!("{} runs kept in {}", runs.len(), self.into.display()));
        if let Some(path) = &self.coverage {
            let met = Coverage::of(&runs);
            say(crate::coverage(&met, &met.add_to(path)?));
        }
        let is_whole = self.keep_findings(found)?;
        let Whole { missing, exit_code } = whole.unwrap_or(Whole { missing: Vec::new(), exit_code: 0 });
        for shard in missing {
            note(&format!("the shard {shard} is missing: its task left no result"));
        }
        Ok(campaign::worst([exit_code, if is_whole { 0 } else { 2 }].into_iter()))
    }

    /// Adds what was found to what nights know. What is no finding there or in the sessions is named, and keeps
    /// nothing from being kept. Says whether all that was found could be read.
    fn keep_findings(&self, mut found: Folder) -> Result<bool> {
        let findings = std::mem::take(&mut found.findings);
        if let Some(kept) = &self.findings {
            found.extend(Folder { findings: Findings::default(), ..Folder::read(kept)? });
            if !findings.is_empty() {
                say(crate::findings(&findings.keep(kept)?));
            }
        }
        tell_beside(&found);
        Ok(found.broken.is_empty())
    }
}
