//! A run's observations, read back one by one.

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use reenact_core::{Error, Result, probe::Observation};

/// As a run writes it.
const PLAIN: &str = "observations.jsonl";
/// As [`pack`](super::pack) keeps it.
pub(super) const PACKED: &str = "observations.jsonl.gz";

/// How much is read at once, in bytes.
const BUFFER: usize = 1 << 16;

/// The observations of one run, in their order, without keeping any.
pub struct Recording {
    path: PathBuf,
    lines: Box<dyn BufRead>,
    /// The present line, its end included.
    line: Vec<u8>,
    /// Its number, from 1.
    number: usize,
    torn: bool,
}

impl Recording {
    /// Opens the recording in a run's folder, plain or packed.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none; [`Error::File`] if it cannot be opened.
    pub fn open(run: &Path) -> Result<Self> {
        let candidates = [PLAIN, PACKED].map(|name| run.join(name));
        let Some(path) = candidates.into_iter().find(|path| path.exists()) else {
            return Err(Error::usage(
                format!("there is no {PLAIN} in {}", run.display()),
                "only a run that was recorded can be rescored: run it again, or name others",
            ));
        };
        let file = File::open(&path).map_err(Error::file("read", &path))?;
        let packed = path.extension().is_some_and(|extension| extension == "gz");
        let lines: Box<dyn BufRead> = match packed {
            true => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))),
            false => Box::new(BufReader::with_capacity(BUFFER, file)),
        };
        Ok(Self { path, lines, line: Vec::new(), number: 0, torn: false })
    }

    /// Whether its last line was torn, as a run leaves it that is killed; known once all
    /// was read.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Its whole text, unpacked.
    pub(super) fn into_text(self) -> impl std::io::Read {
        self.lines
    }

    /// The next observation; `None` at the end. A last line that is torn is the end.
    ///
    /// # Errors
    /// [`Error::Usage`] with file and line where one is damaged; [`Error::File`] if it
    /// cannot be read.
    pub fn observation(&mut self) -> Result<Option<Observation>> {
        self.line.clear();
        self.lines.read_until(b'\n', &mut self.line).map_err(|error| self.unreadable(error))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let whole = self.line.ends_with(b"\n");
        match serde_json::from_slice(&self.line) {
            Ok(observation) => Ok(Some(observation)),
            Err(_) if !whole => {
                self.torn = true;
                Ok(None)
            }
            Err(error) => Err(self.damaged(&error.to_string())),
        }
    }

    fn unreadable(&self, error: std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                Error::usage(format!("{} is damaged: {error}", self.path.display()), "get it again from where it came")
            }
            _ => Error::file("read", &self.path)(error),
        }
    }

    fn damaged(&self, why: &str) -> Error {
        Error::usage(
            format!("{}:{} is no observation: {why}", self.path.display(), self.number),
            "the recording is damaged, or of a newer reenact: leave this run out, or mend the line",
        )
    }
}
