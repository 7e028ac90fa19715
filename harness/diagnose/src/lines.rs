//! A log's lines that matter, in constant memory.
//!
//! A system names the words by which its detectors know a line. Only lines with such a word are
//! looked at; the rest is passed over in whole buffers. Lines without a time of their own have
//! that of the last line before them that has one.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    sync::LazyLock,
};

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use regex::bytes::{Regex, RegexBuilder};

use crate::time::{Zone, stamp};

/// How much is searched at once, in bytes.
const BUFFER: usize = 1 << 18;

/// Of a longer line the rest is passed over, in bytes.
const LONGEST: usize = 1 << 14;

/// So many lines of a log are kept, the newest.
const KEPT: usize = 20_000;

/// A line that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written, if that can be told.
    pub at: Option<Timestamp>,
    /// Its text without its end.
    pub text: String,
}

/// The words by which a line is known to matter.
#[derive(Debug, Clone)]
pub struct Words(Option<Regex>);

impl Words {
    /// Any of these, as they are written.
    pub fn new(words: &[&str]) -> Self {
        let any: Vec<_> = words.iter().map(|word| regex::escape(word)).collect();
        // Were they too many for a pattern, every line would matter.
        Self(RegexBuilder::new(&any.join("|")).unicode(false).build().ok())
    }

    /// Whether the line has one.
    pub fn are_in(&self, line: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|any| any.is_match(line))
    }

    /// Where the first of them is.
    fn find(&self, text: &[u8]) -> Option<usize> {
        match &self.0 {
            Some(any) => any.find(text).map(|found| found.start()),
            None => (!text.is_empty()).then_some(0),
        }
    }
}

/// What was read of a log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The lines that matter, the newest [`KEPT`].
    pub kept: VecDeque<Line>,
    /// How many were left out of those, for there were too many.
    pub left_out: usize,
    /// When its last line was written.
    pub last: Option<Timestamp>,
    /// How many bytes were read.
    pub bytes: u64,
}

impl Lines {
    /// Reads a log to its end, unpacked if it is a gzip file.
    ///
    /// # Errors
    /// Those of the reader. What was read before a torn gzip stream is kept.
    pub fn read(from: impl Read, words: &Words, zone: Zone) -> io::Result<Self> {
        let mut lines = Self::default();
        let mut reader = BufReader::with_capacity(BUFFER, from);
        if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader));
            match lines.take(&mut unpacked, words, zone) {
                Err(error) if is_torn(&error) => {}
                ended => ended?,
            }
        } else {
            lines.take(&mut reader, words, zone)?;
        }
        Ok(lines)
    }

    fn take(&mut self, reader: &mut impl BufRead, words: &Words, zone: Zone) -> io::Result<()> {
        // The line that goes on into the next buffer, as far as it is kept.
        let mut torn: Vec<u8> = Vec::new();
        loop {
            let buffer = reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let length = buffer.len();
            self.bytes += length as u64;
            let whole = memrchr(buffer).map_or(0, |at| at + 1);
            let first = if whole == 0 { length } else { memchr(buffer).map_or(length, |at| at + 1) };
            keep(&mut torn, &buffer[..first]);
            if whole > 0 {
                self.line(&torn, words, zone);
                torn.clear();
                self.search(&buffer[first..whole], words, zone);
                keep(&mut torn, &buffer[whole..]);
            }
            reader.consume(length);
        }
        if !torn.is_empty() {
            self.line(&torn, words, zone);
        }
        Ok(())
    }

    /// Whole lines: only those with a word are looked at, and the last, for its time.
    fn search(&mut self, mut text: &[u8], words: &Words, zone: Zone) {
        let whole = text;
        let mut passed = 0;
        while let Some(at) = words.find(text) {
            let start = memrchr(&text[..at]).map_or(0, |end| end + 1);
            let end = memchr(&text[at..]).map_or(text.len(), |length| at + length + 1);
            if stamp(&text[start..end], zone).is_none() {
                // Its time is that of a line before it.
                self.last = time_before(&whole[..passed + start], zone).or(self.last);
            }
            self.push(&text[start..end], zone);
            text = &text[end..];
            passed += end;
        }
        self.last = time_before(whole, zone).or(self.last);
    }

    fn line(&mut self, line: &[u8], words: &Words, zone: Zone) {
        if words.are_in(line) {
            self.push(line, zone);
        } else if let Some(at) = stamp(line, zone) {
            self.last = Some(at);
        }
    }

    fn push(&mut self, line: &[u8], zone: Zone) {
        self.last = stamp(line, zone).or(self.last);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.left_out += 1;
        }
        let line = &line[..line.len().min(LONGEST)];
        self.kept.push_back(Line { at: self.last, text: said(line) });
    }
}

/// The time of the last line that has one, of some few.
fn time_before(text: &[u8], zone: Zone) -> Option<Timestamp> {
    text.rsplit(|byte| *byte == b'\n').take(64).find_map(|line| stamp(line, zone))
}

/// A gzip stream that was cut off, or damaged.
fn is_torn(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | InvalidInput | InvalidData)
}

/// Adds to a line, up to its limit.
fn keep(line: &mut Vec<u8>, more: &[u8]) {
    let room = LONGEST.saturating_sub(line.len());
    line.extend_from_slice(&more[..more.len().min(room)]);
}

fn memchr(text: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', text)
}

fn memrchr(text: &[u8]) -> Option<usize> {
    memchr::memrchr(b'\n', text)
}

/// What the journal, syslog, docker and the kubelet put before a line.
static WRAPPED: LazyLock<Option<regex::Regex>> = LazyLock::new(|| {
    let journal = r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:]{8}[.,]?\d*[+-]\d\d:?\d\d) \S+ [^\s:]+: ";
    let docker = r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z (?:std(?:out|err) [FP] )?";
    regex::Regex::new(&format!("^(?:{journal}|{docker})")).ok()
});

/// A line's own words, without what wraps it.
fn said(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line).replace('\0', "");
    let text = text.trim_end_matches(['\n', '\r']);
    if text.starts_with('{')
        && let Some(inner) = in_json(text)
    {
        return inner;
    }
    let wrapping = WRAPPED.as_ref().and_then(|wrapped| wrapped.find(text)).map_or(0, |found| found.end());
    text.strip_prefix("MESSAGE=").unwrap_or(&text[wrapping..]).to_owned()
}

/// What docker's and the journal's JSON wrap. A program's own JSON is its own words.
fn in_json(text: &str) -> Option<String> {
    let serde_json::Value::Object(fields) = serde_json::from_str(text).ok()? else { return None };
    let is_wrapping = fields.contains_key("stream") || fields.contains_key("__REALTIME_TIMESTAMP");
    let inner = ["log", "MESSAGE"].iter().find_map(|name| fields.get(*name)?.as_str())?;
    is_wrapping.then(|| inner.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::{Compression, write::GzEncoder};
    use jiff::tz::Offset;
    use proptest::prelude::*;

    use super::*;

    fn zone() -> Zone {
        Zone { offset: Offset::UTC, now: "2026-11-29T12:00:00Z".parse().expect("a time") }
    }

    fn read(log: &[u8]) -> Lines {
        Lines::read(log, &Words::new(&["WSREP", "\tmember"]), zone()).expect("it is read")
    }

    fn kept(lines: &Lines) -> Vec<(Option<String>, &str)> {
        lines.kept.iter().map(|line| (line.at.map(|at| at.to_string()), line.text.as_str())).collect()
    }

    #[test]
    fn only_lines_with_a_word_are_kept_each_at_its_time() {
        let log = "2026-11-29 08:00:00 0 [Note] WSREP: one\n2026-11-29 08:00:01 0 [Note] two\n\tmember of two\n\
                   2026-11-29 08:00:02 0 [Note] WSREP: three";
        let at = |second: u8| Some(format!("2026-11-29T08:00:0{second}Z"));
        let expected = [
            (at(0), "2026-11-29 08:00:00 0 [Note] WSREP: one"),
            (at(1), "\tmember of two"),
            (at(2), "2026-11-29 08:00:02 0 [Note] WSREP: three"),
        ];
        assert_eq!(kept(&read(log.as_bytes())), expected);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(log.as_bytes()).expect("packed");
        let packed = packed.finish().expect("packed");
        assert_eq!(read(&packed), read(log.as_bytes()));
        // One that is cut off is read as far as it goes.
        read(&packed[..packed.len() - 9]);
    }

    #[test]
    fn what_wraps_a_line_is_taken_off() {
        for line in [
            "Nov 29 08:00:00 db1 mariadbd[411]: WSREP: x",
            "2026-11-29T08:00:00.123456+0100 db1 mariadbd[411]: WSREP: x",
            "2026-11-29T08:00:00.123456789Z WSREP: x",
            "2026-11-29T08:00:00.123456789Z stderr F WSREP: x",
            r#"{"log":"WSREP: x\n","stream":"stderr","time":"2026-11-29T08:00:00.1Z"}"#,
            r#"{"MESSAGE":"WSREP: x","__REALTIME_TIMESTAMP":"1511308672500000"}"#,
        ] {
            let lines = read(line.as_bytes());
            assert_eq!(lines.kept.front().map(|line| line.text.as_str()), Some("WSREP: x"), "{line}");
            assert!(lines.last.is_some(), "{line}");
        }
    }

    #[test]
    fn a_line_of_a_gigabyte_is_no_more_than_its_beginning() {
        let long = std::io::Read::chain(Cursor::new("WSREP "), std::io::Read::take(std::io::repeat(b'x'), 1 << 30));
        let lines = Lines::read(long, &Words::new(&["WSREP"]), zone()).expect("it is read");
        assert_eq!(lines.kept.iter().map(|line| line.text.len()).collect::<Vec<_>>(), [LONGEST]);
        assert_eq!(lines.bytes, (1 << 30) + 6);
    }

    #[test]
    fn of_too_many_lines_the_newest_are_kept() {
        let log = "WSREP\n".repeat(KEPT + 3);
        let lines = read(log.as_bytes());
        assert_eq!((lines.kept.len(), lines.left_out), (KEPT, 3));
    }

    /// Hands out a few bytes at a time, as a pipe may.
    struct Torn<'l>(&'l [u8], usize);

    impl Read for Torn<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len());
            Read::read(&mut self.0, &mut into[..count])
        }
    }

    proptest! {
        #[test]
        fn no_log_panics_and_pieces_make_no_difference(
            parts in prop::collection::vec(prop_oneof![
                Just(b"2026-11-29 08:00:00 WSREP: x\n".to_vec()), Just(b"\n".to_vec()), Just(b"\0\0\0".to_vec()),
                Just(b"{\"log\":\"WSREP".to_vec()), Just(b"\xff\xfe WSREP".to_vec()), prop::collection::vec(any::<u8>(), 0..40),
            ], 0..30),
            at_once in 1_usize..9,
        ) {
            let log = parts.concat();
            // What begins like a gzip file is one.
            prop_assume!(!log.starts_with(&[0x1f]));
            let words = Words::new(&["WSREP"]);
            let torn = Lines::read(Torn(&log, at_once), &words, zone()).expect("it is read");
            let whole = read(&log);
            let texts = |lines: &Lines| lines.kept.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
            prop_assert_eq!(texts(&torn), texts(&whole));
        }
    }
}
