//! Fingerprints: the marks by which a reported incident is known.

use std::collections::BTreeMap;

use crate::probe::{Observation, Signal};

/// One mark of a report: a log line, a state, an error code.
#[derive(Clone, Copy)]
pub struct Fingerprint {
    /// Its name in reports.
    pub id: &'static str,
    /// The report's words for it.
    pub report: &'static str,
    /// Whether the observations since the first fault show it.
    pub shows: fn(&[Observation]) -> bool,
}

/// Whether any log line holds every one of the words.
pub fn logged(seen: &[Observation], words: &[&str]) -> bool {
    seen.iter().any(|observation| observation.is_log_with(words))
}

/// The last word of each node on something.
pub fn latest<'a, T>(seen: &'a [Observation], pick: impl Fn(&'a Signal) -> Option<T>) -> BTreeMap<&'a str, T> {
    seen.iter().filter_map(|observation| Some((observation.node.as_str(), pick(&observation.signal)?))).collect()
}

impl Observation {
    /// Whether this is a log line that holds every one of the words.
    pub fn is_log_with(&self, words: &[&str]) -> bool {
        matches!(&self.signal, Signal::Log { line } if words.iter().all(|word| line.contains(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{probe::Moment, probe::PortState};

    fn port(at: u64, node: &str, state: PortState) -> Observation {
        let signal = Signal::Port { port: 1, state };
        Observation { at: Moment(at), wall: jiff::Timestamp::UNIX_EPOCH, node: node.into(), signal }
    }

    #[test]
    fn the_latest_word_of_each_node_counts() {
        let seen = [port(1, "a", PortState::Open), port(2, "b", PortState::Closed), port(3, "a", PortState::Closed)];
        let states = latest(&seen, |signal| match signal {
            Signal::Port { state, .. } => Some(*state),
            _ => None,
        });
        assert_eq!(states, BTreeMap::from([("a", PortState::Closed), ("b", PortState::Closed)]));
    }
}
