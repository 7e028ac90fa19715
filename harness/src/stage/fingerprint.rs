//! Fingerprints: the marks by which a reported incident is known.

use crate::probe::{Observation, Signal};

/// One mark of a report: a log line, a state, an error code.
#[derive(Clone, Copy)]
pub struct Fingerprint {
    /// Its name in reports.
    pub id: &'static str,
    /// The report's words for it.
    pub report: &'static str,
    /// Whether an observation shows it.
    pub shows: fn(&Observation) -> bool,
}

impl Fingerprint {
    /// Whether any of the observations shows it.
    pub fn seen_in(&self, seen: &[Observation]) -> bool {
        seen.iter().any(self.shows)
    }
}

impl Observation {
    /// Whether this is a log line that holds every one of the words.
    pub fn is_log_with(&self, words: &[&str]) -> bool {
        matches!(&self.signal, Signal::Log { line } if words.iter().all(|word| line.contains(word)))
    }
}
