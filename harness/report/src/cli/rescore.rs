//! `reenact rescore` and `reenact pack`.

use std::{
    io::{Write, stderr},
    path::PathBuf,
};

use clap::Args;

use super::say;
use reenact_core::Result;
use reenact_run::archive::{self, Rescored, Saved, Skipped};

#[derive(Args)]
pub(super) struct Rescore {
    /// Folders of sessions or of single runs
    #[arg(required = true, value_name = "RUN_DIR")]
    folders: Vec<PathBuf>,

    /// Put today's verdicts down as the recorded ones
    #[arg(long)]
    accept: bool,

    /// Print one JSON object per run, a line each
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Pack {
    /// Folders of sessions or of single runs
    #[arg(required = true, value_name = "RUN_DIR")]
    folders: Vec<PathBuf>,

    /// Where the packed runs are kept, beside those that are there
    #[arg(long, value_name = "DIR")]
    into: PathBuf,

    /// Keep their metrics instead, one file a scenario: for tests/metrics
    #[arg(long)]
    metrics: bool,
}

impl Rescore {
    pub(super) fn execute(self) -> Result<u8> {
        let Saved { runs, skipped } = Saved::load_all(&self.folders)?;
        tell_skipped(&skipped);
        let mut all = Vec::new();
        for run in &runs {
            let rescored = archive::rescore(run)?;
            if rescored.torn {
                note(&format!("{}: its last line was torn, and left out", run.run_dir.display()));
            }
            if self.json {
                say(crate::to_json(&crate::rescored_json(&rescored)));
            }
            all.push(rescored);
        }
        if !self.json {
            crate::rescored(&all).into_iter().for_each(say);
            say(crate::rescored_summary(&all));
        }
        if self.accept {
            return accept(&all);
        }
        Ok(u8::from(all.iter().any(|rescored| !rescored.changes.is_empty())))
    }
}

fn accept(all: &[Rescored]) -> Result<u8> {
    for rescored in all.iter().filter(|rescored| !rescored.changes.is_empty()) {
        archive::accept(rescored)?;
        note(&format!("{}: today's verdicts were put down", rescored.run.run_dir.display()));
    }
    Ok(0)
}

impl Pack {
    pub(super) fn execute(self) -> Result<u8> {
        if self.metrics {
            let (packed, skipped) = archive::pack_metrics(&self.folders, &self.into)?;
            tell_skipped(&skipped);
            packed.iter().for_each(|path| say(path.display().to_string()));
            return Ok(u8::from(packed.is_empty()));
        }
        let packed = archive::pack(&self.folders, &self.into)?;
        for run in &packed {
            say(run.run_dir.display().to_string());
        }
        Ok(0)
    }
}

/// Names the runs that are left out.
pub(super) fn tell_skipped(skipped: &[Skipped]) {
    for Skipped { path, why } in skipped {
        note(&format!("left out {}: {why}", path.display()));
    }
}

/// Says something beside the result; a closed standard error is no reason to stop.
pub(super) fn note(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}
