//! The files of a folder, or of an archive, packed or not.

mod solid;

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use reenact_core::{Error, Result};

use solid::Solid;

/// A folder is looked through so deep.
const DEEPEST: usize = 8;

/// So many files at most.
const MOST: usize = 10_000;

/// A sparse file takes little room in an archive, and may claim to be of any size: so much of it is read,
/// in bytes.
const LONGEST_SPARSE: u64 = 16 << 30;

/// One file.
pub(super) struct Entry {
    /// Its path in the folder or archive.
    pub(super) name: String,
    /// When it was last written.
    pub(super) modified: Option<Timestamp>,
}

/// A file's content.
pub(super) trait Content: Read {
    /// Passes over all but so many bytes at its end, where that costs nothing.
    fn keep_end(&mut self, _bytes: u64) {}
}

impl<R: Read> Content for tar::Entry<'_, R> {}
impl<R: Read> Content for io::Take<R> {}

/// What is done with each file.
type Each<'e> = &'e mut dyn FnMut(&Entry, &mut dyn Content) -> Result<()>;

/// Where the files are.
pub(super) enum Source {
    Folder(PathBuf),
    Archive(PathBuf),
    /// One file alone.
    File(PathBuf),
}

impl Source {
    /// # Errors
    /// [`Error::Usage`] if there is nothing at that path.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.into()));
        }
        if !path.is_file() {
            return Err(Error::usage(
                format!("there is no folder and no file {}", path.display()),
                "name a folder, a .tar or a .tar.gz",
            ));
        }
        let mut block = Vec::new();
        let read = unpacked(path)?.take(512).read_to_end(&mut block);
        read.map_err(Error::file("read", path))?;
        let is_archive = block.get(257..262) == Some(b"ustar");
        Ok(if is_archive { Self::Archive(path.into()) } else { Self::File(path.into()) })
    }

    /// Shows every file, in one order always.
    pub(super) fn each(&self, each: Each<'_>) -> Result<()> {
        match self {
            Self::Folder(root) => {
                let mut files = Vec::new();
                walk(root, 0, &mut files)?;
                files.sort();
                for path in files {
                    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                    one(&path, name, each)?;
                }
                Ok(())
            }
            Self::File(path) => one(path, crate::gathered::file_name(&path.to_string_lossy()).to_owned(), each),
            Self::Archive(path) => archive(path, each),
        }
    }
}

fn one(path: &Path, name: String, each: Each<'_>) -> Result<()> {
    // Logs are often another user's: what may not be read is told by what is missing then.
    let Ok(file) = File::open(path) else { return Ok(()) };
    let modified = file.metadata().and_then(|data| data.modified()).ok().and_then(|at| at.try_into().ok());
    each(&Entry { name, modified }, &mut Solid::new(file))
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let entry = entry.map_err(Error::file("read", folder))?;
        let kind = entry.file_type().map_err(Error::file("read", entry.path()))?;
        if kind.is_dir() && depth < DEEPEST {
            walk(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
        if files.len() > MOST {
            return Err(Error::usage(
                format!("there are more than {MOST} files in {}", folder.display()),
                "name the folder of one incident",
            ));
        }
    }
    Ok(())
}

fn archive(path: &Path, each: Each<'_>) -> Result<()> {
    let mut archive = tar::Archive::new(unpacked(path)?);
    let damaged = |error: std::io::Error| {
        Error::usage(format!("{} is damaged: {error}", path.display()), "get it again from where it came")
    };
    for entry in archive.entries().map_err(damaged)?.take(MOST) {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if !kind.is_file() && !kind.is_gnu_sparse() {
            continue;
        }
        let name = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
        let written = entry.header().mtime().ok().and_then(|at| i64::try_from(at).ok());
        let modified = written.and_then(|at| Timestamp::from_second(at).ok());
        let entry_of = Entry { name, modified };
        if kind.is_gnu_sparse() {
            each(&entry_of, &mut entry.take(LONGEST_SPARSE))?;
        } else {
            each(&entry_of, &mut entry)?;
        }
    }
    Ok(())
}

/// A file's content, unpacked if it is packed.
fn unpacked(path: &Path) -> Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path).map_err(Error::file("read", path))?);
    let is_packed = file.fill_buf().map_err(Error::file("read", path))?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}
