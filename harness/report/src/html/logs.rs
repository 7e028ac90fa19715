//! Nodes' logs, folded: their last lines and those that tell of errors.

use std::{collections::BTreeSet, sync::LazyLock};

use maud::{Markup, html};
use regex::bytes::Regex;

use crate::text::short;

/// How many of a log's last lines are shown, and how many of the first and of the last
/// ones with errors.
const LAST: usize = 60;
const ERRORS: usize = 20;
/// The longest line, in letters, and how much of one is looked at, in bytes.
const LINE: usize = 500;
const LOOKED_AT: usize = 4096;

/// The lines of one log that are shown.
#[derive(Debug)]
pub(super) struct Log {
    name: String,
    /// How many lines it has.
    total: usize,
    /// Whether it was read as a whole.
    whole: bool,
    shown: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    /// How many lines before it are left out.
    left_out: usize,
    text: String,
    is_error: bool,
}

/// Picks the lines of a log that are shown.
pub(super) fn excerpt(name: &str, bytes: &[u8], whole: bool) -> Log {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines: Vec<&[u8]> = if text.is_empty() { Vec::new() } else { text.split(|byte| *byte == b'\n').collect() };
    let errors: Vec<usize> = (0..lines.len()).filter(|at| is_error(lines[*at])).collect();
    let first = errors.iter().take(ERRORS);
    let picked: BTreeSet<usize> = first.chain(errors.iter().rev().take(ERRORS)).copied().collect();
    let picked: BTreeSet<usize> = picked.into_iter().chain(lines.len().saturating_sub(LAST)..lines.len()).collect();
    let mut next = 0;
    let mut shown = Vec::new();
    for at in picked {
        let line = lines[at].strip_suffix(b"\r").unwrap_or(lines[at]);
        let text = String::from_utf8_lossy(line);
        let text = short(&text, LINE).into_owned();
        shown.push(Line { left_out: at - next, text, is_error: is_error(lines[at]) });
        next = at + 1;
    }
    Log { name: name.into(), total: lines.len(), whole, shown }
}

/// Whether a line tells of an error, as far as its words show.
fn is_error(line: &[u8]) -> bool {
    static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i-u)\b(error|err|fatal|panic(ked)?|crit(ical)?|emerg|exception|fail(ed|ure)?|aborted|killed)\b")
            .ok()
    });
    let line = &line[..line.len().min(LOOKED_AT)];
    WORDS.as_ref().is_some_and(|words| words.is_match(line))
}

impl Log {
    /// The log, folded. `folder` is the run's, relative to the page.
    pub(super) fn fold(&self, folder: &str) -> Markup {
        let left_out: usize = self.total - self.shown.len();
        let errors = self.shown.iter().filter(|line| line.is_error).count();
        html! {
            details.log {
                summary {
                    b { (self.name) } span.soft {
                        " " (self.shown.len()) " of " (if self.whole { "" } else { "over " }) (self.total) " lines, "
                        (errors) " of these with errors"
                    }
                }
                @if left_out > 0 || !self.whole {
                    p.soft { (left_out) " lines are left out; all are in " code { (folder) "/" (self.name) } }
                }
                pre.lines tabindex="0" { @for line in &self.shown { (line.draw()) } }
            }
        }
    }
}

impl Line {
    fn draw(&self) -> Markup {
        html! {
            @if self.left_out > 0 { i { "… " (self.left_out) " lines left out …\n" } }
            @if self.is_error { b { (self.text) } } @else { (self.text) }
            "\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_and_the_errors_are_shown_and_the_rest_is_counted() {
        let mut lines: Vec<_> = (0..1000).map(|at| format!("line {at}")).collect();
        lines[10] = "an ERROR here".into();
        lines[990] = "late failure".into();
        let log = excerpt("n1.log", (lines.join("\n") + "\n").as_bytes(), true);
        let page = log.fold("run").0;
        assert_eq!((log.total, log.shown.len()), (1000, 61));
        for shown in [
            "… 10 lines left out …",
            "<b>an ERROR here</b>",
            "… 929 lines left out …",
            "line 999",
            "939 lines are left out",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(!page.contains("line 939\n") && page.contains("line 940\n"), "{page}");
    }

    #[test]
    fn a_log_of_errors_shows_the_first_and_the_last_of_them() {
        let log = excerpt("n1.log", "error\n".repeat(5000).as_bytes(), true);
        assert_eq!(log.shown.len(), ERRORS + LAST);
        let (first, gap) = (&log.shown[0], &log.shown[ERRORS]);
        assert_eq!((first.left_out, gap.left_out), (0, 5000 - ERRORS - LAST));
    }

    #[test]
    fn an_empty_log_has_no_lines_and_a_huge_one_is_cut() {
        assert_eq!(excerpt("n1.log", b"", true).total, 0);
        let log = excerpt("n1.log", &vec![b'x'; 1 << 20], true);
        assert_eq!(log.total, 1);
        assert!(log.shown[0].text.len() < 1000, "{}", log.shown[0].text.len());
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        let log = excerpt("n1.log", b"\xff\xfe error\0\x1b[31m", true);
        assert_eq!(log.shown[0].text, "\u{fffd}\u{fffd} error\0");
        assert!(log.shown[0].is_error);
    }
}
