//! What detectors say of a stream.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use super::Tape;
use crate::{
    detect::{Board, Verdict, all},
    probe::{Moment, Observation},
};

/// When each detector first fired, and with what evidence.
pub type Fired = BTreeMap<&'static str, (Moment, Vec<String>)>;

/// What the detectors of a system say of a stream.
#[derive(Debug)]
pub struct Said {
    /// Who ever fired.
    pub fired: Fired,
    /// What each says at the end.
    pub last: BTreeMap<&'static str, Verdict>,
}

/// Asks the registered detectors whose names begin with `system` (`bosh/`; all: an empty text).
pub fn said(stream: &[Observation], system: &str) -> Said {
    let mut board = board(system);
    stream.iter().for_each(|observation| _ = board.observe(observation));
    let last: BTreeMap<_, _> = board.verdicts().map(|(id, verdict)| (id, verdict.clone())).collect();
    let first = |id: &&'static str| {
        let episode = board.episodes().iter().find(|episode| episode.detector == **id)?;
        Some((*id, (episode.from, episode.evidence.clone())))
    };
    Said { fired: last.keys().filter_map(first).collect(), last }
}

pub(super) fn board(system: &str) -> Board {
    Board::new(all().into_iter().filter(|entry| entry.id.starts_with(system)))
}

impl Said {
    /// Who ever fired.
    pub fn diagnoses(&self) -> Vec<&'static str> {
        self.fired.keys().copied().collect()
    }

    /// Who fires at the end.
    pub fn firing(&self) -> Vec<&'static str> {
        let fires = |(id, last): (&&'static str, &Verdict)| matches!(last, Verdict::Fired { .. }).then_some(*id);
        self.last.iter().filter_map(fires).collect()
    }

    /// When it first fired, in milliseconds.
    pub fn first(&self, id: &str) -> Option<u64> {
        self.fired.get(id).map(|(at, _)| at.0)
    }

    /// Its evidence at the end.
    #[track_caller]
    pub fn evidence(&self, id: &str) -> &[String] {
        let Verdict::Fired { evidence, .. } = &self.last[id] else { panic!("{id} says {:?}", self.last[id]) };
        evidence
    }

    /// Why it cannot tell at the end.
    #[track_caller]
    pub fn why(&self, id: &str) -> &str {
        let Verdict::Unknown { why } = &self.last[id] else { panic!("{id} says {:?}", self.last[id]) };
        why
    }

    /// Asserts that nobody ever fired.
    #[track_caller]
    pub fn quiet(&self) {
        assert_eq!(self.fired, Fired::new());
    }

    /// Asserts that every detector can tell at the end, and says no.
    #[track_caller]
    pub fn knows(&self) {
        assert!(self.last.values().all(|verdict| *verdict == Verdict::Quiet), "{:#?}", self.last);
    }

    /// Asserts that it fired so many milliseconds after `from`, with each of `lines` in its
    /// evidence.
    #[track_caller]
    pub fn fires(&self, id: &str, from: u64, took: RangeInclusive<u64>, lines: &[&str]) {
        let (at, evidence) = self.fired.get(id).unwrap_or_else(|| panic!("{id} did not fire, but {:#?}", self.fired));
        let after = at.since(Moment(from));
        let (least, most) = (Duration::from_millis(*took.start()), Duration::from_millis(*took.end()));
        let in_time = at.0 >= from && (least..=most).contains(&after);
        assert!(in_time, "{id} fired at {at}, {after:?} after {from} ms: {evidence:#?}");
        for line in lines {
            assert!(evidence.iter().any(|seen| seen.contains(line)), "no '{line}' in {evidence:#?}");
        }
    }

    /// The same, and that nobody else ever fired.
    #[track_caller]
    pub fn only(&self, id: &str, from: u64, took: RangeInclusive<u64>, lines: &[&str]) {
        assert_eq!(self.diagnoses(), [id], "{:#?}", self.fired);
        self.fires(id, from, took, lines);
    }
}

/// The same of all that a tape holds so far.
impl Tape {
    /// What its system's detectors say.
    pub fn said(&self) -> Said {
        self.said_from(0)
    }

    /// What the detectors make of it that are started at that moment, in milliseconds, and
    /// have seen nothing of what was before.
    pub fn said_from(&self, start: u64) -> Said {
        let stream: Vec<_> = self.stream().into_iter().filter(|seen| seen.at >= Moment(start)).collect();
        said(&stream, self.system)
    }

    /// See [`Said::diagnoses`].
    pub fn diagnoses(&self) -> Vec<&'static str> {
        self.said().diagnoses()
    }

    /// See [`Said::firing`].
    pub fn firing(&self) -> Vec<&'static str> {
        self.said().firing()
    }

    /// See [`Said::first`].
    pub fn first(&self, id: &str) -> Option<u64> {
        self.said().first(id)
    }

    /// See [`Said::quiet`].
    #[track_caller]
    pub fn quiet(&self) {
        self.said().quiet();
    }

    /// See [`Said::knows`].
    #[track_caller]
    pub fn knows(&self) {
        self.said().knows();
    }

    /// See [`Said::fires`].
    #[track_caller]
    pub fn fires(&self, id: &str, from: u64, took: RangeInclusive<u64>, lines: &[&str]) {
        self.said().fires(id, from, took, lines);
    }

    /// See [`Said::only`].
    #[track_caller]
    pub fn only(&self, id: &str, from: u64, took: RangeInclusive<u64>, lines: &[&str]) {
        self.said().only(id, from, took, lines);
    }
}
