//! A log's lines that matter, in constant memory.
//!
//! A system names the words by which its detectors know a line. Only lines with such a word are
//! looked at; the rest is passed over in whole buffers. Lines without a time of their own have
//! that of the last line before them that has one. A line begins after its NULs: where a log was
//! cut to nothing and its writer went on at its old place, there are as many as had been bytes.

mod kept;
mod said;

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufRead, BufReader, Read},
    sync::{Mutex, PoisonError},
};

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use regex::bytes::{Regex, RegexBuilder};

use crate::{
    system::System,
    time::{Zone, stamp},
};
use kept::Kept;

/// How much is searched at once, in bytes.
const BUFFER: usize = 1 << 18;

/// Of a longer line the rest is passed over, in bytes.
const LONGEST: usize = 1 << 14;

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

    /// A system's words, compiled once.
    pub fn of(system: &System) -> Self {
        static COMPILED: Mutex<BTreeMap<&str, Words>> = Mutex::new(BTreeMap::new());
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.entry(system.name).or_insert_with(|| Self::new(system.words)).clone()
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
    /// The lines that matter, the newest 20,000, and no more than 16 MB of them.
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
        let mut reading = Reading { words, zone, kept: Kept::default(), last: None, bytes: 0 };
        let mut reader = BufReader::with_capacity(BUFFER, from);
        if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader));
            match reading.all(&mut unpacked) {
                Err(error) if is_torn(&error) => {}
                ended => ended?,
            }
        } else {
            reading.all(&mut reader)?;
        }
        let Reading { kept, last, bytes, .. } = reading;
        Ok(Self { kept: kept.decoded(), left_out: kept.left_out, last, bytes })
    }
}

/// A log that is being read.
struct Reading<'w> {
    words: &'w Words,
    zone: Zone,
    kept: Kept,
    /// The time of the last line that was looked at and has one, or of one before it.
    last: Option<Timestamp>,
    bytes: u64,
}

impl Reading<'_> {
    fn all(&mut self, reader: &mut impl BufRead) -> io::Result<()> {
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
                self.search(&torn);
                torn.clear();
                self.search(&buffer[first..whole]);
                keep(&mut torn, &buffer[whole..]);
            }
            reader.consume(length);
        }
        self.search(&torn);
        Ok(())
    }

    /// Whole lines: only those with a word are looked at, and before one without a time, and at the end,
    /// those up to the last that has one.
    fn search(&mut self, text: &[u8]) {
        let (mut looked_at, mut passed) = (0, 0);
        while let Some(found) = self.words.find(&text[passed..]) {
            let at = passed + found;
            let start = memrchr(&text[passed..at]).map_or(passed, |end| passed + end + 1);
            let end = memchr(&text[at..]).map_or(text.len(), |length| at + length + 1);
            let line = beginning(&text[start..end]);
            // Of a long line the word may be in the part that is passed over.
            if end - start <= LONGEST || self.words.are_in(line) {
                let own = stamp(line, self.zone);
                self.last = own.or_else(|| time_before(&text[looked_at..start], self.zone)).or(self.last);
                self.kept.push(line, self.last);
                looked_at = end;
            }
            passed = end;
        }
        self.last = time_before(&text[looked_at..], self.zone).or(self.last);
    }
}

/// The time of the last line that has one.
fn time_before(text: &[u8], zone: Zone) -> Option<Timestamp> {
    text.rsplit(|byte| *byte == b'\n').find_map(|line| stamp(beginning(line), zone))
}

/// As much of a line as is looked at.
fn beginning(line: &[u8]) -> &[u8] {
    let line = without_nuls(line);
    &line[..line.len().min(LONGEST)]
}

fn without_nuls(line: &[u8]) -> &[u8] {
    let nuls = line.iter().take_while(|byte| **byte == 0).count();
    &line[nuls..]
}

/// A gzip stream that was cut off, or damaged.
fn is_torn(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | InvalidInput | InvalidData)
}

/// Adds to a line, up to its limit.
fn keep(line: &mut Vec<u8>, more: &[u8]) {
    let more = if line.is_empty() { without_nuls(more) } else { more };
    let room = LONGEST.saturating_sub(line.len());
    line.extend_from_slice(&more[..more.len().min(room)]);
}

fn memchr(text: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', text)
}

fn memrchr(text: &[u8]) -> Option<usize> {
    memchr::memrchr(b'\n', text)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::{Compression, write::GzEncoder};
    use jiff::tz::Offset;
    use proptest::prelude::*;

    use super::{kept::KEPT, *};

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

    /// The same without any haste: each line by itself, its end, its word, its time.
    fn slowly(log: &[u8], words: &[&str]) -> (Vec<Line>, Option<Timestamp>) {
        let mut last = None;
        let mut kept = Vec::new();
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            let line = beginning(line);
            last = stamp(line, zone()).or(last);
            let has = |word: &&str| line.windows(word.len()).any(|part| part == word.as_bytes());
            if words.iter().any(has) {
                kept.push(Line { at: last, text: said::said(line) });
            }
        }
        (kept, last)
    }

    #[test]
    fn a_log_goes_on_after_nuls() {
        let log = "\0".repeat(70_000) + "2026-11-29 08:00:00 0 [Note] WSREP: one\n" + &"\0".repeat(BUFFER) + "x\n";
        let at = Some("2026-11-29T08:00:00Z".to_owned());
        assert_eq!(kept(&read(log.as_bytes())), [(at, "2026-11-29 08:00:00 0 [Note] WSREP: one")]);
    }

    #[test]
    fn a_word_behind_the_end_of_a_long_line_is_none_wherever_buffers_end() {
        let long = format!("{} WSREP\n2026-11-29 08:00:00 WSREP: y\n", "x".repeat(LONGEST));
        for before in [0, BUFFER - LONGEST, BUFFER - 100] {
            let log = format!("{}\n{long}", "z".repeat(before));
            assert_eq!(read(log.as_bytes()).kept.len(), 1, "{before}");
        }
    }

    /// Pieces of logs: whole lines and torn ones, with a word or without, with a time or without.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let lines: [&[u8]; 14] = [
            b"2026-11-29 08:00:00 WSREP: x\n",
            b"2026-11-29 08:00:01 nothing\n",
            b"\tmember of x\n",
            b"WSREP: without a time\r\n",
            b"WSREP [Note]",
            b"\n",
            b"\0\0\0",
            b"{\"log\":\"WSREP: x\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-29T08:00:02.5Z\"}\n",
            b"{\"log\":\"WSREP",
            b"\xff\xfe WSREP",
            b"__REALTIME_TIMESTAMP=1511308672500000\n",
            b"MESSAGE=WSREP: y\n",
            b"Nov 29 08:00:03 db1 mariadbd[411]: WSREP: z\n",
            b"WSR",
        ];
        let long = (0_usize..3 * LONGEST).prop_map(|length| vec![b'y'; length]);
        let any = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![12 => prop::sample::select(lines.to_vec()).prop_map(<[u8]>::to_vec), 1 => long, 2 => any]
    }

    proptest! {
        #[test]
        fn in_haste_the_same_is_read(parts in prop::collection::vec(piece(), 0..60), at_once in 1_usize..70_000) {
            let log = parts.concat();
            // What begins like a gzip file is one.
            prop_assume!(!log.starts_with(&[0x1f]));
            let words = ["WSREP", "\tmember"];
            let (kept, last) = slowly(&log, &words);
            let words = Words::new(&words);
            let torn = Lines::read(Torn(&log, at_once), &words, zone()).expect("it is read");
            for lines in [torn, Lines::read(&log[..], &words, zone()).expect("it is read")] {
                prop_assert_eq!(Vec::from(lines.kept), kept.clone());
                prop_assert_eq!((lines.last, lines.bytes), (last, log.len() as u64));
            }
        }

        #[test]
        fn no_line_with_a_word_of_any_system_is_passed_over(
            words in prop::collection::vec("[a-zA-Z:(\\[| .]{1,12}", 1..40),
            parts in prop::collection::vec(prop_oneof!["[a-z (:|.\\[]{0,20}", Just("\n".to_owned())], 0..60),
            put in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
        ) {
            let mut parts = parts;
            for (word, at) in put {
                let (word, at) = (word.get(&words).clone(), at.index(parts.len() + 1));
                parts.insert(at, word);
            }
            let (log, words) = (parts.concat(), words.iter().map(String::as_str).collect::<Vec<_>>());
            let lines = Lines::read(log.as_bytes(), &Words::new(&words), zone()).expect("it is read");
            prop_assert_eq!(Vec::from(lines.kept), slowly(log.as_bytes(), &words).0);
        }
    }
}
