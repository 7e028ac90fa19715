//! Keeps the metrics of runs, small: one file a scenario.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder, read::MultiGzDecoder};

use super::{Saved, Skipped};
use crate::{
    campaign::{Outcome, RunResult},
    metrics::METRICS,
};
use reenact_core::{
    Error, Result, file,
    metrics::{Line, read, story},
};

/// Packs the metrics of each run of these folders that passed as `SCENARIO.jsonl.gz` below
/// `into`, `::` written as a dot. One of the same scenario is replaced. What is left out is told.
///
/// # Errors
/// As [`Saved::load`]; [`Error::Usage`] if a recording cannot be understood; [`Error::File`] if
/// anything cannot be read or written.
pub fn pack_metrics(sources: &[PathBuf], into: &Path) -> Result<(Vec<PathBuf>, Vec<Skipped>)> {
    fs::create_dir_all(into).map_err(Error::file("create", into))?;
    let Saved { runs, mut skipped } = Saved::load_all(sources)?;
    let mut packed = Vec::new();
    for run in &runs {
        match pack_one(run, into)? {
            Ok(path) => packed.push(path),
            Err(why) => skipped.push(Skipped { path: run.run_dir.clone(), why: why.into() }),
        }
    }
    Ok((packed, skipped))
}

/// Reads the lines of a recording.
///
/// # Errors
/// [`Error::File`] if it cannot be opened; else as [`read`].
pub fn load_metrics(path: &Path) -> Result<Vec<Line>> {
    let packed = File::open(path).map_err(Error::file("read", path))?;
    read(BufReader::new(MultiGzDecoder::new(packed)))
}

fn pack_one(run: &RunResult, into: &Path) -> Result<Result<PathBuf, &'static str>> {
    if run.outcome != Outcome::Pass {
        return Ok(Err("it did not pass"));
    }
    let from = run.run_dir.join(METRICS);
    if !from.exists() {
        return Ok(Err("it recorded no metrics"));
    }
    let Some(told) = story(load_metrics(&from)?) else { return Ok(Err("its story has no end")) };
    let path = into.join(format!("{}.jsonl.gz", run.id.replace("::", ".")));
    let packed = compress(&told).map_err(Error::file("pack", &from))?;
    file::write_whole(&path, packed).map(|()| Ok(path))
}

/// The same content gives the same bytes: neither a name nor a time is in them.
fn compress(lines: &[Line]) -> io::Result<Vec<u8>> {
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    for line in lines {
        serde_json::to_writer(&mut packed, line)?;
        packed.write_all(b"\n")?;
    }
    packed.finish()
}
