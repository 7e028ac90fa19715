//! What several campaigns write to: one at a time reads it, adds to it, and writes it.

use std::{
    fs::{self, File},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::retry_on_intr,
};

use reenact_core::{Error, Result};

/// A folder that nobody else has by [`locked`], until this is dropped, or its process ends.
#[must_use = "the folder is free when this is dropped"]
pub(super) struct Locked {
    _folder: File,
}

/// Waits until nobody else has a folder, which is made if it is not there.
///
/// # Errors
/// [`Error::File`] if it cannot be made or locked.
pub(super) fn locked(folder: &Path) -> Result<Locked> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let opened = File::open(folder).map_err(Error::file("open", folder))?;
    let taken = retry_on_intr(|| flock(&opened, FlockOperation::LockExclusive));
    taken.map_err(|error| Error::file("lock", folder)(error.into()))?;
    Ok(Locked { _folder: opened })
}
