//! Files that others may read at any moment.

use std::{fs, path::Path};

use crate::{Error, Result};

/// Writes a file, whole or not at all: who reads it meanwhile, or after a crash, finds the old
/// content or the new one.
///
/// # Errors
/// [`Error::File`] if it cannot be written.
pub fn write_whole(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, content).map_err(Error::file("write", &fresh))?;
    fs::rename(&fresh, path).map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("score.json");
        for content in ["one", "two"] {
            write_whole(&path, content).expect("it is written");
            assert_eq!(fs::read_to_string(&path).expect("a file"), content);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_content() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("score.json");
        fs::write(&path, "old").expect("a file");
        fs::create_dir(folder.path().join("score.json.new")).expect("something in the way");
        let error = write_whole(&path, "new").expect_err("it cannot be written");
        assert!(error.to_string().contains("could not write"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "old");
    }
}
