//! promtool for machines that have none: taken out of an image once, and kept.

use std::{collections::HashMap, env, fs, os::unix::fs::PermissionsExt, path::Path, path::PathBuf};

use crate::cli::run::conclude;
use reenact_alerts::Promtool;
use reenact_core::{Error, Result, file};
use reenact_testbed::Session;

const IMAGE: &str = "promtool";
const INSIDE: &str = "/usr/local/bin/promtool";

/// The program of an earlier time, else of an image that is built now.
///
/// # Errors
/// [`Error::Environment`] if there is neither it nor a daemon.
pub(super) async fn from_image(results: &Path) -> Result<Promtool> {
    let kept = kept();
    if !kept.is_file() {
        take(results, &kept).await?;
    }
    // Each time: who was killed just before it has left a file that is none yet.
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o755)).map_err(Error::file("make a program of", &kept))?;
    Ok(Promtool::at(kept))
}

async fn take(results: &Path, kept: &Path) -> Result<()> {
    let taken = async {
        let session = Session::open(results, HashMap::new(), false).await?;
        let (program, closed) = conclude(&session, session.take(IMAGE, INSIDE)).await?;
        closed.map(|()| program)
    };
    let program = taken.await.map_err(|error| match Promtool::missing() {
        Error::Environment { what, help } => Error::environment(format!("{what}, and no image with it: {error}"), help),
        other => other,
    })?;
    let folder = kept.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    file::write_whole(kept, program)
}

/// Where it is kept: in the user's folder for what can be had again.
fn kept() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    cache.or_else(home).unwrap_or_else(env::temp_dir).join("reenact/promtool")
}
