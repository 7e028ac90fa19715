//! For the tests of detectors: what they say over a stream that was made up or recorded.

use std::collections::BTreeMap;

use reenact::{
    detect::{DetectorEntry, Verdict, all},
    probe::{Moment, Observation},
};

/// When a detector first fired, and with what evidence.
pub(crate) type Fired = BTreeMap<&'static str, (Moment, Vec<String>)>;

/// A moment of a simulation, in milliseconds, as RFC 3339 has it.
pub(crate) fn wall(at: u64) -> String {
    let (minutes, seconds) = (at / 60_000, at % 60_000);
    format!("2026-01-01T{:02}:{:02}:{:02}.{:03}Z", minutes / 60, minutes % 60, seconds / 1_000, seconds % 1_000)
}

/// The registered detectors whose names begin so (`bosh/`; all: an empty text) and that
/// ever fire over a stream.
pub(crate) fn fired_of(stream: &[Observation], system: &str) -> Fired {
    let mut fired = BTreeMap::new();
    for entry in of(system) {
        let mut detector = (entry.new)();
        let first = stream.iter().find_map(|observation| match detector.observe(observation) {
            Verdict::Fired { evidence, at } => Some((at, evidence)),
            Verdict::Quiet | Verdict::Unknown { .. } => None,
        });
        if let Some(first) = first {
            fired.insert(entry.id, first);
        }
    }
    fired
}

/// What each of a system's detectors says at the end of a stream.
pub(crate) fn verdicts_of(stream: &[Observation], system: &str) -> BTreeMap<&'static str, Verdict> {
    let last = |entry: &'static DetectorEntry| {
        let mut detector = (entry.new)();
        let last = stream.iter().map(|observation| detector.observe(observation)).last();
        (entry.id, last.expect("a stream"))
    };
    of(system).map(last).collect()
}

fn of(system: &str) -> impl Iterator<Item = &'static DetectorEntry> {
    all().into_iter().filter(move |entry| entry.id.starts_with(system))
}
