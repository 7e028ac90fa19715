//! The newest lines of a log as they were read, one behind the other in one piece of memory. Of a log
//! of which every line matters most are pushed out again: only those that stay are decoded.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{Line, said::said};

/// So many lines of a log are kept, the newest.
pub(super) const KEPT: usize = 20_000;

/// So many bytes of them at most: a log may be made of long lines.
const MOST: usize = 16 << 20;

/// Raw lines, the newest [`KEPT`] or [`MOST`] bytes of them.
#[derive(Default)]
pub(super) struct Kept {
    /// Their text, after that of lines that were pushed out.
    text: Vec<u8>,
    /// Where in the text the oldest of them begins.
    start: usize,
    /// The length and the time of each.
    lines: VecDeque<(usize, Option<Timestamp>)>,
    /// How many were pushed out.
    pub(super) left_out: usize,
}

impl Kept {
    pub(super) fn push(&mut self, line: &[u8], at: Option<Timestamp>) {
        self.text.extend_from_slice(line);
        self.lines.push_back((line.len(), at));
        while self.lines.len() > KEPT || self.text.len() - self.start > MOST {
            let (length, _) = self.lines.pop_front().unwrap_or_default();
            self.start += length;
            self.left_out += 1;
        }
        // What is moved is less than what was pushed out since the last time.
        if self.start > self.text.len() / 2 {
            self.text.drain(..self.start);
            self.start = 0;
        }
    }

    /// What each of them says, and when.
    pub(super) fn decoded(&self) -> VecDeque<Line> {
        let mut rest = &self.text[self.start..];
        let line = |(length, at): &(usize, Option<Timestamp>)| {
            let (line, after) = rest.split_at(*length);
            rest = after;
            Line { at: *at, text: said(line) }
        };
        self.lines.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_kept_up_to_some_megabytes() {
        let mut kept = Kept::default();
        let lines = (0..4000).map(|number| format!("{number} {}", "x".repeat(16_000)));
        lines.for_each(|line| kept.push(line.as_bytes(), None));
        let decoded = kept.decoded();
        assert_eq!(decoded.len() + kept.left_out, 4000);
        assert!(decoded.back().is_some_and(|line| line.text.starts_with("3999 x")));
        assert!(decoded.iter().map(|line| line.text.len()).sum::<usize>() <= MOST);
        assert!(kept.text.capacity() <= 4 * MOST, "{}", kept.text.capacity());
    }
}
