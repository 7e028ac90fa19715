//! Detectors: pure functions over the observation stream.
//!
//! A detector folds observations, one by one, into a [`Verdict`]. It has no clock
//! (time passes only through [`Observation::at`]) and sees no fault, no judge and
//! no testbed, so the same recording always gives the same verdicts.

mod board;
mod finding;
mod latest;
mod nodes;
pub mod testing;
mod views;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::probe::{Moment, Observation};

pub use board::{Board, Episode};
pub use finding::{Finding, Told, any, seconds};
pub use latest::{Asked, FRESH, Latest, Since};
pub use nodes::{Nodes, Record};
pub use views::{View, Views};

/// What a detector says at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to report.
    Quiet,
    /// The diagnosis holds.
    Fired {
        /// The lines a person would want to see: what was seen, on which node.
        evidence: Vec<String>,
        /// The moment of the observation that completed the case.
        at: Moment,
    },
    /// The signals that it needs are missing.
    Unknown {
        /// Which, and why.
        why: String,
    },
}

/// A fold of observations into a verdict.
pub trait Detector: Send {
    /// Takes one more observation into a view of its own and says what holds now.
    fn observe(&mut self, observation: &Observation) -> Verdict;

    /// The place of its view among those that it shares with others.
    fn place(&self, views: &mut Views) -> usize;

    /// Says what holds now, by its shared view, which has taken all observations so far.
    /// `at` is the last one's moment.
    fn judge(&mut self, views: &Views, place: usize, at: Moment) -> Verdict;
}

/// A detector that fires once its condition has held for a stated time, and is
/// quiet again as soon as it does not.
pub struct Rule<V> {
    /// Empty where a shared one is looked at.
    view: V,
    condition: Condition<V>,
}

struct Condition<V> {
    hold: Duration,
    when: Box<dyn Fn(&V) -> Finding + Send>,
    holds_since: Option<Moment>,
    fired: Option<Moment>,
}

impl<V: View> Rule<V> {
    /// Fires when `when` has said [`Finding::Yes`] at every observation for `hold`. It is a
    /// closure, so that it can carry its limits, and may say [`Told`] instead.
    pub fn new<F: Into<Finding>>(hold: Duration, when: impl Fn(&V) -> F + Send + 'static) -> Self {
        let when = Box::new(move |view: &V| when(view).into());
        let condition = Condition { hold, when, holds_since: None, fired: None };
        Self { view: V::default(), condition }
    }
}

impl<V: View> Detector for Rule<V> {
    fn observe(&mut self, observation: &Observation) -> Verdict {
        self.view.observe(observation);
        self.condition.judge(&self.view, observation.at)
    }

    fn place(&self, views: &mut Views) -> usize {
        views.place::<V>()
    }

    fn judge(&mut self, views: &Views, place: usize, at: Moment) -> Verdict {
        match views.at(place) {
            Some(view) => self.condition.judge(view, at),
            None => Verdict::Unknown { why: "its view is not there".into() },
        }
    }
}

impl<V> Condition<V> {
    fn judge(&mut self, view: &V, at: Moment) -> Verdict {
        match (self.when)(view) {
            Finding::Yes(evidence) => {
                let since = *self.holds_since.get_or_insert(at);
                if at.since(since) < self.hold {
                    return Verdict::Quiet;
                }
                Verdict::Fired { evidence, at: *self.fired.get_or_insert(at) }
            }
            Finding::No => {
                (self.holds_since, self.fired) = (None, None);
                Verdict::Quiet
            }
            Finding::CannotTell(why) => {
                (self.holds_since, self.fired) = (None, None);
                Verdict::Unknown { why }
            }
        }
    }
}

/// A detector's entry in the registry; made by [`detector!`](crate::detector).
#[derive(Debug)]
pub struct DetectorEntry {
    /// `system/diagnosis`, such as `galera/non_primary_wedge`.
    pub id: &'static str,
    /// The diagnosis in a sentence.
    pub summary: &'static str,
    /// Makes one in its first state.
    pub new: fn() -> Box<dyn Detector>,
}

inventory::collect!(DetectorEntry);

/// All registered detectors, by id.
pub fn all() -> Vec<&'static DetectorEntry> {
    let mut all: Vec<_> = inventory::iter::<DetectorEntry>().collect();
    all.sort_by_key(|entry| entry.id);
    all
}

/// Registers a detector: `detector! { ID, "what it diagnoses", || Rule::new(…) }`.
#[macro_export]
macro_rules! detector {
    ($id:expr, $summary:literal, $new:expr $(,)?) => {
        $crate::private::inventory::submit! {
            $crate::detect::DetectorEntry {
                id: $id,
                summary: $summary,
                new: || ::std::boxed::Box::new($new),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::Signal;

    #[derive(Default)]
    struct LastLine(String);

    impl View for LastLine {
        fn observe(&mut self, observation: &Observation) {
            if let Signal::Log { line } = &observation.signal {
                self.0.clone_from(line);
            }
        }
    }

    fn bad_for_a_second() -> Rule<LastLine> {
        Rule::new(Duration::from_secs(1), |view: &LastLine| match view.0.as_str() {
            "bad" => Finding::Yes(vec!["bad".into()]),
            "fog" => Finding::CannotTell("fog".into()),
            _ => Finding::No,
        })
    }

    fn line(at: u64, line: &str) -> Observation {
        let signal = Signal::Log { line: line.into() };
        Observation { at: Moment(at), wall: jiff::Timestamp::UNIX_EPOCH, node: "n1".into(), signal }
    }

    #[test]
    fn fires_only_after_the_hold_and_keeps_its_moment() {
        let mut rule = bad_for_a_second();
        assert_eq!(rule.observe(&line(0, "bad")), Verdict::Quiet);
        assert_eq!(rule.observe(&line(999, "bad")), Verdict::Quiet);
        assert!(matches!(rule.observe(&line(1000, "bad")), Verdict::Fired { at: Moment(1000), .. }));
        assert!(matches!(rule.observe(&line(5000, "bad")), Verdict::Fired { at: Moment(1000), .. }));
        assert_eq!(rule.observe(&line(5001, "good")), Verdict::Quiet);
        assert_eq!(rule.observe(&line(5002, "bad")), Verdict::Quiet);
    }

    #[test]
    fn blindness_is_unknown_and_restarts_the_hold() {
        let mut rule = bad_for_a_second();
        rule.observe(&line(0, "bad"));
        assert!(matches!(rule.observe(&line(500, "fog")), Verdict::Unknown { .. }));
        assert_eq!(rule.observe(&line(1100, "bad")), Verdict::Quiet);
    }

    proptest! {
        #[test]
        fn never_fires_when_no_bad_stretch_lasts(gaps in prop::collection::vec(1_u64..400, 1..60)) {
            let mut rule = bad_for_a_second();
            let mut at = 0;
            for (index, gap) in gaps.iter().enumerate() {
                at += gap;
                let text = if index % 3 == 2 { "good" } else { "bad" };
                prop_assert_eq!(rule.observe(&line(at, text)), Verdict::Quiet);
            }
        }
    }
}
