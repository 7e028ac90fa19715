//! Keeps of a run what rescoring needs, small: its score and its packed recording.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder};

use super::{Recording, Saved, merge, recording::PACKED};
use crate::campaign::RunResult;
use reenact_core::{Error, Result};

/// Packs each run of these folders into a folder of its own below `into`, named as in a
/// session. One of the same scenario and number is replaced.
///
/// # Errors
/// As [`Saved::load`] and [`Recording::open`]; [`Error::File`] if anything cannot be
/// written.
pub fn pack(sources: &[PathBuf], into: &Path) -> Result<Vec<RunResult>> {
    merge::present(into)?;
    Saved::load_all(sources)?.runs.iter().map(|run| pack_one(run, into)).collect()
}

fn pack_one(run: &RunResult, into: &Path) -> Result<RunResult> {
    let packed = merge::numbered(run, &[], into);
    std::fs::create_dir_all(&packed.run_dir).map_err(Error::file("create", &packed.run_dir))?;
    let recording = Recording::open(&run.run_dir)?;
    let path = packed.run_dir.join(PACKED);
    compress(recording, &path).map_err(Error::file("write", path))?;
    // Not where it was packed: that path means nothing elsewhere.
    let name = packed.run_dir.file_name().map(PathBuf::from).unwrap_or_default();
    RunResult { run_dir: name, ..packed.clone() }.write_to(&packed.run_dir)?;
    Ok(packed)
}

/// The same content gives the same bytes: neither a name nor a time is in them.
fn compress(recording: Recording, path: &Path) -> io::Result<()> {
    let mut packed = GzBuilder::new().mtime(0).write(File::create(path)?, Compression::best());
    io::copy(&mut recording.into_text(), &mut packed)?;
    packed.finish()?.sync_all()
}
