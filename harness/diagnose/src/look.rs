//! What a script printed, read back.

use std::io::{self, BufRead, Read};

use jiff::{Timestamp, tz::Offset};
use reenact_core::{Error, Result};

use crate::{
    gathered::{Gathered, Section},
    lines::{Lines, Words},
    script::{DONE, MAGIC},
    time::Zone,
};

/// A section that is no log is read so far, in bytes.
const LARGEST: usize = 4 << 20;

/// Whether a file is what a script printed; if so, of which system.
pub(crate) fn system_of(head: &str) -> Option<&str> {
    head.strip_prefix(MAGIC)?.split_whitespace().next()
}

/// Reads what a script printed, up to its end: one value for each look. What was cut off is read
/// as far as it goes.
///
/// # Errors
/// [`Error::File`] if it cannot be read.
pub(crate) fn read(node: &str, from: &mut dyn BufRead, words: &Words, prefix: Prefix) -> Result<Vec<Gathered>> {
    let mut reader = Reader { looks: Vec::new(), node, words, prefix, is_read: false };
    reader.all(from).map_err(Error::file("read", node))?;
    Ok(reader.looks)
}

/// What is put before each line of a log at a path.
type Prefix = fn(&str) -> Option<String>;

struct Reader<'r> {
    looks: Vec<Gathered>,
    node: &'r str,
    words: &'r Words,
    prefix: Prefix,
    /// Whether the next line was read already.
    is_read: bool,
}

impl Reader<'_> {
    fn all(&mut self, from: &mut dyn BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        let mut zone = Zone { offset: Offset::UTC, now: Timestamp::now() };
        while std::mem::take(&mut self.is_read) || next(from, &mut line)? {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if text == DONE {
                break;
            }
            if let Some(look) = text.strip_prefix("=look ") {
                let mut fields = look.split_whitespace();
                let at: Option<Timestamp> = fields.next().and_then(|at| at.parse().ok());
                zone.now = at.unwrap_or(zone.now);
                zone.offset = fields.next().and_then(offset).unwrap_or(zone.offset);
                self.looks.push(Gathered { at, ..Gathered::of(self.node) });
            } else if let Some(name) = text.strip_prefix("=begin ") {
                let ended_by = self.section(name.trim_end(), from, zone)?;
                // A section that was torn is ended by what comes after it.
                self.is_read = !ended_by.is_empty() && !ended_by.starts_with(b"=end");
                line = ended_by;
            }
        }
        Ok(())
    }

    /// Takes a section, and gives the line that ended it.
    fn section(&mut self, name: &str, from: &mut dyn BufRead, zone: Zone) -> io::Result<Vec<u8>> {
        let mut body = Body { from, at_start: true, ended_by: Vec::new() };
        if let Some(path) = name.strip_prefix("log ") {
            let lines = Lines::read(&mut body, self.words, zone)?;
            if let Some(look) = self.looks.last_mut() {
                look.take_log(lines, (self.prefix)(path).as_deref());
            }
            return Ok(body.ended_by);
        }
        let mut text = Vec::new();
        body.by_ref().take(LARGEST as u64).read_to_end(&mut text)?;
        io::copy(&mut body, &mut io::sink())?;
        let text = String::from_utf8_lossy(&text);
        // The script ends what does not end its line.
        let text = text.strip_suffix('\n').unwrap_or(&text).to_owned();
        if let Some(look) = self.looks.last_mut() {
            look.take(name, Section { text, status: body.status() });
        }
        Ok(body.ended_by)
    }
}

/// The text of a section: lines that are set in by a space, up to its end.
struct Body<'b> {
    from: &'b mut dyn BufRead,
    at_start: bool,
    /// The line that ended it; empty: none has yet.
    ended_by: Vec<u8>,
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let buffer = self.from.fill_buf()?;
        if buffer.is_empty() || into.is_empty() || !self.ended_by.is_empty() {
            return Ok(0);
        }
        if self.at_start {
            if buffer[0] != b' ' {
                next(self.from, &mut self.ended_by)?;
                // An empty line ends it too.
                self.ended_by.push(b'\n');
                return Ok(0);
            }
            self.from.consume(1);
            self.at_start = false;
            return self.read(into);
        }
        let line = memchr::memchr(b'\n', buffer).map_or(buffer.len(), |at| at + 1);
        let length = line.min(into.len());
        into[..length].copy_from_slice(&buffer[..length]);
        self.at_start = into[length - 1] == b'\n';
        self.from.consume(length);
        Ok(length)
    }
}

impl Body<'_> {
    /// How the section's command ended.
    fn status(&self) -> Option<i32> {
        let line = std::str::from_utf8(&self.ended_by).ok()?;
        line.strip_prefix("=end ")?.trim().parse().ok()
    }
}

/// The next line, of which a kilobyte is kept; whether there was one.
fn next(from: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', buffer);
        let length = end.map_or(buffer.len(), |at| at + 1);
        let room = 1024_usize.saturating_sub(line.len()).min(end.unwrap_or(length));
        line.extend_from_slice(&buffer[..room]);
        from.consume(length);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// `+0200`
fn offset(text: &str) -> Option<Offset> {
    let digits = text.get(1..5)?;
    let number: i32 = digits.parse().ok()?;
    let seconds = number / 100 * 3600 + number % 100 * 60;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    const PRINTED: &str = "=reenact galera 1 db1\n=look 2026-11-29T08:00:00Z +0100 0\n=begin ps\n COMMAND\n \
        /usr/sbin/mariadbd\n \n=end 0\n=begin log /x.log\n 2026-11-29  8:59:58 0 [Note] WSREP: one\n \
        2026-11-29  8:59:59 0 [Note] nothing\n \n=end 0\n=begin file /x\n head: cannot open '/x'\n \n=end 1\n=done\n";

    fn read_back(printed: &[u8], at_once: usize) -> Vec<Gathered> {
        let mut from = BufReader::with_capacity(at_once, printed);
        read("n1", &mut from, &Words::new(&["WSREP"]), |_| None).expect("it is read")
    }

    #[test]
    fn what_was_printed_is_read_however_it_is_torn() {
        for at_once in [1, 2, 3, 7, 64, 4096] {
            let looks = read_back(PRINTED.as_bytes(), at_once);
            let [look] = &looks[..] else { panic!("{looks:?}") };
            assert_eq!(look.at, "2026-11-29T08:00:00Z".parse().ok());
            let text = look.sections["ps"].text.as_str();
            assert_eq!((text, look.sections["ps"].status), ("COMMAND\n/usr/sbin/mariadbd\n", Some(0)), "{at_once}");
            assert_eq!(look.sections["file /x"].status, Some(1));
            let lines: Vec<_> = look.log.iter().map(|line| (line.at.map(|at| at.to_string()), &*line.text)).collect();
            let at = Some("2026-11-29T07:59:58Z".to_owned());
            assert_eq!(lines, [(at, "2026-11-29  8:59:58 0 [Note] WSREP: one")], "{at_once}");
            assert_eq!(look.log_ends.map(|at| at.to_string()).as_deref(), Some("2026-11-29T07:59:59Z"));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(cut in 0_usize..400, place in 0_usize..400, byte in any::<u8>(), at_once in 1_usize..50) {
            let mut printed = PRINTED.as_bytes()[..cut.min(PRINTED.len())].to_vec();
            if let Some(at) = printed.get_mut(place) { *at = byte; }
            read_back(&printed, at_once);
        }
    }
}
