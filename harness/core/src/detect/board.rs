//! All detectors over one stream, and the episodes in which each one fired.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Detector, DetectorEntry, Verdict, Views};
use crate::probe::{Moment, Observation};

/// A stretch of the run during which a detector said that its diagnosis holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// The detector's id.
    pub detector: String,
    /// When it fired.
    pub from: Moment,
    /// When it was quiet again; `None`: it never was.
    pub to: Option<Moment>,
    /// Its evidence at the moment of firing.
    pub evidence: Vec<String>,
}

/// Runs every detector over one stream. What several look at is folded once.
pub struct Board {
    views: Views,
    seats: Vec<Seat>,
    episodes: Vec<Episode>,
}

struct Seat {
    id: &'static str,
    detector: Box<dyn Detector>,
    /// Of its view, among the shared ones.
    place: usize,
    now: Verdict,
    /// Whether that is the word of a blank view.
    blank: bool,
    /// Whether it ever had the signals that it needs.
    saw: bool,
}

impl Board {
    /// A board with these detectors in their first state.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a DetectorEntry>) -> Self {
        let mut views = Views::default();
        let seat = |entry: &DetectorEntry| {
            let detector = (entry.new)();
            let place = detector.place(&mut views);
            let now = Verdict::Unknown { why: "nothing was observed yet".into() };
            Seat { id: entry.id, detector, place, now, blank: false, saw: false }
        };
        let seats = entries.into_iter().map(seat).collect();
        Self { views, seats, episodes: Vec::new() }
    }

    /// Shows one observation to every detector. Returns whether any of them began
    /// or ceased to fire.
    pub fn observe(&mut self, observation: &Observation) -> bool {
        self.views.observe(observation);
        let mut turned = false;
        for seat in &mut self.seats {
            let blank = self.views.is_blank(seat.place);
            if blank && seat.blank {
                continue;
            }
            let verdict = seat.detector.judge(&self.views, seat.place, observation.at);
            seat.saw |= !matches!(verdict, Verdict::Unknown { .. });
            let fired_before = matches!(seat.now, Verdict::Fired { .. });
            match &verdict {
                Verdict::Fired { evidence, at } if !fired_before => {
                    turned = true;
                    let detector = seat.id.into();
                    self.episodes.push(Episode { detector, from: *at, to: None, evidence: evidence.clone() });
                }
                Verdict::Quiet | Verdict::Unknown { .. } if fired_before => {
                    turned = true;
                    let open = self.episodes.iter_mut().rev().find(|e| e.detector == seat.id && e.to.is_none());
                    if let Some(episode) = open {
                        episode.to = Some(observation.at);
                    }
                }
                _ => {}
            }
            seat.blank = blank && matches!(verdict, Verdict::Unknown { .. });
            seat.now = verdict;
        }
        turned
    }

    /// Every episode so far, in order of firing.
    pub fn episodes(&self) -> &[Episode] {
        &self.episodes
    }

    /// The detectors that fire now.
    pub fn firing(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.seats.iter().filter(|seat| matches!(seat.now, Verdict::Fired { .. })).map(|seat| seat.id)
    }

    /// For how long each detector's condition must hold before it fires.
    pub fn holds(&self) -> impl Iterator<Item = (&'static str, Duration)> + '_ {
        self.seats.iter().map(|seat| (seat.id, seat.detector.hold()))
    }

    /// What each detector says now.
    pub fn verdicts(&self) -> impl Iterator<Item = (&'static str, &Verdict)> {
        self.seats.iter().map(|seat| (seat.id, &seat.now))
    }

    /// Each detector's word over the whole run: `fired` if it ever fired, else
    /// `quiet` if it ever could tell, else `unknown`.
    pub fn summary(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        self.seats.iter().map(|seat| {
            let fired = self.episodes.iter().any(|episode| episode.detector == seat.id);
            (
                seat.id,
                if fired {
                    "fired"
                } else if seat.saw {
                    "quiet"
                } else {
                    "unknown"
                },
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{Finding, Rule, View},
        probe::Signal,
    };

    /// The last line, and whether none came yet.
    #[derive(Default)]
    struct Last(Option<String>);

    impl View for Last {
        fn observe(&mut self, observation: &Observation) {
            if let Signal::Log { line } = &observation.signal {
                self.0 = (line != "forget").then(|| line.clone());
            }
        }

        fn is_blank(&self) -> bool {
            self.0.is_none()
        }
    }

    const BAD: DetectorEntry = DetectorEntry {
        id: "test/bad",
        summary: "the last line is bad",
        new: || {
            Box::new(Rule::new(Duration::ZERO, |last: &Last| match last.0.as_deref() {
                None | Some("fog") => Finding::CannotTell("no line".into()),
                Some("bad") => Finding::Yes(vec!["bad".into()]),
                Some(_) => Finding::No,
            }))
        },
    };

    /// A board that was shown these lines, the first at 1 ms.
    fn shown(lines: &[&str]) -> Board {
        let mut board = Board::new([&BAD]);
        for (at, line) in (1..).zip(lines) {
            let signal = Signal::Log { line: (*line).into() };
            board.observe(&Observation {
                at: Moment(at),
                wall: jiff::Timestamp::UNIX_EPOCH,
                node: "n1".into(),
                signal,
            });
        }
        board
    }

    fn word(lines: &[&str]) -> &'static str {
        shown(lines).summary().next().map_or("", |(_, word)| word)
    }

    #[test]
    fn an_episode_ends_when_the_detector_falls_silent_or_cannot_tell_any_more() {
        for end in ["good", "fog", "forget"] {
            let board = shown(&["good", "bad", "bad", end, "bad"]);
            let times: Vec<_> = board.episodes().iter().map(|episode| (episode.from, episode.to)).collect();
            assert_eq!(times, [(Moment(2), Some(Moment(4))), (Moment(5), None)], "{end}");
            assert_eq!(board.firing().collect::<Vec<_>>(), ["test/bad"]);
        }
        assert_eq!(shown(&["bad", "good"]).firing().count(), 0);
    }

    #[test]
    fn a_detector_that_never_could_tell_is_not_called_quiet() {
        assert_eq!(word(&[]), "unknown");
        assert_eq!(word(&["fog", "forget", "fog"]), "unknown");
        assert_eq!(word(&["fog", "good", "fog"]), "quiet");
        assert_eq!(word(&["good", "bad", "good"]), "fired");
    }
}
