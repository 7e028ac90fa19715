//! The diagnosis of the lowest rank: what should run is not there, and no cause has a name.
//!
//! Each system has one of its own. A more precise diagnosis names the remedy as well, so that
//! this one is silent where such a one [`holds`]; else it says what is missing, and what its log
//! said last.

use super::{Latest, Told};
use crate::probe::Moment;

/// What should be there and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The node that it should run on.
    pub node: String,
    /// How it shows that it does not.
    pub signs: Vec<String>,
    /// The line by which its log says why, if one does.
    pub why: Option<String>,
}

impl Missing {
    /// The evidence.
    pub fn lines(self) -> impl Iterator<Item = String> {
        let Self { node, signs, why } = self;
        let why = why.map_or_else(|| "its log does not say why".into(), |line| format!("log: {line}"));
        signs.into_iter().chain([why]).map(move |line| format!("{node}: {line}"))
    }
}

/// Whether there is evidence. What cannot be told explains nothing.
pub fn holds(told: Told) -> bool {
    told.is_ok_and(|evidence| !evidence.is_empty())
}

/// A log's newest line that tells of something that went wrong, whatever it is: for people to
/// read.
#[derive(Debug, Clone, Default)]
pub struct LastWords(Latest<String>);

impl LastWords {
    /// Takes a line, if it is such a one.
    pub fn hear(&mut self, at: Moment, line: &str) {
        if is_grave(line) {
            self.0.see(at, line.into());
        }
    }

    /// The line, if it was read at that moment or later.
    pub fn since(&self, from: Moment) -> Option<&str> {
        self.0.last().filter(|_| self.0.at() >= Some(from)).map(String::as_str)
    }
}

/// In the words of Go, Rust, Java, etcd, nginx and PostgreSQL. The first letters may be capital.
fn is_grave(line: &str) -> bool {
    const GRAVE: [&str; 13] = [
        "panic",
        "PANIC",
        "fatal",
        "FATAL",
        " C | ",
        "rror",
        "ERROR",
        "xception",
        "annot",
        "denied",
        "nvalid",
        "not defined",
        "in use",
    ];
    GRAVE.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_grave_line_counts_from_when_it_was_read() {
        let mut words = LastWords::default();
        assert_eq!(words.since(Moment(0)), None);
        for (at, line) in [(1, "Error: the port is taken"), (2, "listening on 8080"), (3, "FATAL: no room"), (4, "bye")]
        {
            words.hear(Moment(at), line);
        }
        assert_eq!((words.since(Moment(3)), words.since(Moment(4))), (Some("FATAL: no room"), None));
    }

    #[test]
    fn what_is_missing_is_told_with_its_cause_or_without_one() {
        let missing = |why| Missing { node: "n1".into(), signs: vec!["no server runs".into()], why };
        let lines = |why: Option<&str>| missing(why.map(str::to_owned)).lines().collect::<Vec<_>>();
        assert_eq!(lines(Some("no room")), ["n1: no server runs", "n1: log: no room"]);
        assert_eq!(lines(None), ["n1: no server runs", "n1: its log does not say why"]);
    }

    #[test]
    fn only_evidence_explains() {
        assert!(holds(Ok(vec!["a".into()])) && !holds(Ok(Vec::new())) && !holds(Err("fog".into())));
    }
}
