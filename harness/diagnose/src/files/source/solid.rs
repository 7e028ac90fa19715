//! A file without its holes: a log may claim to be of a terabyte of which nothing was ever written.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
};

use rustix::{fs, io::Errno};

use super::Content;

/// Of so many bytes `st_blocks` counts the room that a file takes, on every file system (POSIX leaves it
/// open; Linux and the BSDs say 512).
const BLOCK: u64 = 512;

/// A file of which holes are passed over, where the file system tells of them.
pub(super) struct Solid {
    file: File,
    at: u64,
    /// What was written goes on up to here, as far as is known.
    written_to: u64,
}

impl Solid {
    pub(super) fn new(file: File) -> Self {
        Self { file, at: 0, written_to: 0 }
    }

    /// Goes on to what was written next; whether there is anything.
    fn find_written(&mut self) -> io::Result<bool> {
        let written = match fs::seek(&self.file, fs::SeekFrom::Data(self.at)) {
            Ok(at) => at,
            // Nothing but a hole, or nothing at all.
            Err(Errno::NXIO) => return Ok(false),
            // Whoever does not know of holes has none.
            Err(_) => {
                self.written_to = u64::MAX;
                return Ok(true);
            }
        };
        self.written_to = fs::seek(&self.file, fs::SeekFrom::Hole(written)).unwrap_or(u64::MAX);
        self.at = self.file.seek(SeekFrom::Start(written))?;
        Ok(true)
    }
}

impl Read for Solid {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.written_to && !self.find_written()? {
            return Ok(0);
        }
        let left = usize::try_from(self.written_to.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = into.len().min(left);
        let count = self.file.read(&mut into[..most])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Content for Solid {
    fn keep_end(&mut self, bytes: u64) {
        if self.file.metadata().is_ok_and(|data| data.len() > bytes && data.blocks() * BLOCK > bytes)
            && let Ok(at) = self.file.seek(SeekFrom::End(-i64::try_from(bytes).unwrap_or(0)))
        {
            (self.at, self.written_to) = (at, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_no_hole() -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        // Pieces that begin and end where blocks do: what lies beside them in a block is no hole.
        for (at, byte) in [(0, b'a'), (1 << 30, b'b'), (1 << 40, b'c')] {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&[byte; 1 << 16])?;
        }
        file.set_len(1 << 41)?;
        file.rewind()?;
        let mut read = Vec::new();
        Solid::new(file).take(1 << 20).read_to_end(&mut read)?;
        let expected = [b'a', b'b', b'c'].map(|byte| [byte; 1 << 16]).concat();
        assert!(read == expected, "{} bytes", read.len());
        Ok(())
    }

    #[test]
    fn a_file_that_grows_is_read_on() -> io::Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        let mut solid = Solid::new(file.reopen()?);
        let mut text = String::new();
        for line in ["one\n", "two\n"] {
            file.as_file().write_all(line.as_bytes())?;
            solid.read_to_string(&mut text)?;
        }
        assert_eq!(text, "one\ntwo\n");
        Ok(())
    }
}
