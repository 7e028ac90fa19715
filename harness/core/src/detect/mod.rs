//! Detectors: pure functions over the observation stream.
//!
//! A detector folds observations, one by one, into a [`Verdict`]. It has no clock
//! (time passes only through [`Observation::at`]) and sees no fault, no judge and
//! no testbed, so the same recording always gives the same verdicts.

mod board;
mod finding;
mod latest;
mod missing;
mod nodes;
mod pieces;
pub mod testing;
mod views;
mod writes;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::probe::{Moment, Observation};

pub use board::{Board, Episode};
pub use finding::{Finding, Told, any, seconds};
pub use latest::{Asked, FRESH, Latest, Since};
pub use missing::{LastWords, Missing, holds};
pub use nodes::{Nodes, Record};
pub use pieces::Pieces;
pub use views::{View, Views};
pub use writes::{everywhere, hangs, hangs_now};

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

    /// For how long its condition must hold before it fires.
    fn hold(&self) -> Duration;

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

/// What holds again after less than this had not gone.
const LEAST_CALM: Duration = Duration::from_secs(2);

/// What is so for four of each five seconds is not well: for so much of the last while, in
/// pieces, counts as all the time. Looks that are a quarter of a second apart see 3.6 s of
/// each four, which come to 43 s in a minute, and 2.6 s of three: 31 s.
const MOST: (Duration, Duration) = (Duration::from_secs(40), Duration::from_secs(60));

struct Condition<V> {
    hold: Duration,
    when: Box<dyn Fn(&V) -> Finding + Send>,
    holds_since: Option<Moment>,
    fired: Option<Moment>,
    in_pieces: Option<(Duration, Pieces)>,
}

impl<V: View> Rule<V> {
    /// Fires when `when` has said [`Finding::Yes`] at every observation for `hold`. It is a
    /// closure, so that it can carry its limits, and may say [`Told`] instead.
    pub fn new<F: Into<Finding>>(hold: Duration, when: impl Fn(&V) -> F + Send + 'static) -> Self {
        let when = Box::new(move |view: &V| when(view).into());
        let condition = Condition { hold, when, holds_since: None, fired: None, in_pieces: None };
        Self { view: V::default(), condition }
    }

    /// Fires as [`Rule::new`] does, and as well where it holds in pieces for most of a minute.
    pub fn lasting<F: Into<Finding>>(hold: Duration, when: impl Fn(&V) -> F + Send + 'static) -> Self {
        let (held, window) = MOST;
        Self::new(hold, when).or_in_pieces(held, window)
    }

    /// Fires as well while the condition holds and has held, in pieces, for `held` of the last
    /// `window`: what comes and goes is not well either. The pieces are forgotten once it has
    /// not held for as long as its hold (at least 2 s), or cannot be told.
    #[must_use]
    pub fn or_in_pieces(mut self, held: Duration, window: Duration) -> Self {
        self.condition.in_pieces = Some((held, Pieces::of(window)));
        self
    }
}

impl<V: View> Detector for Rule<V> {
    fn observe(&mut self, observation: &Observation) -> Verdict {
        self.view.observe(observation);
        self.condition.judge(&self.view, observation.at)
    }

    fn hold(&self) -> Duration {
        self.condition.hold
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
        let finding = (self.when)(view);
        let lasts = self.lasts_in_pieces(&finding, at);
        match finding {
            Finding::Yes(mut evidence) => {
                let since = *self.holds_since.get_or_insert(at);
                if at.since(since) < self.hold {
                    let Some(pieces) = lasts else { return Verdict::Quiet };
                    evidence.push(pieces);
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

    /// What is to be said if the condition holds in pieces for long enough.
    fn lasts_in_pieces(&mut self, finding: &Finding, at: Moment) -> Option<String> {
        let (enough, pieces) = self.in_pieces.as_mut()?;
        pieces.note(matches!(finding, Finding::Yes(_)), at);
        let is_over = pieces.since(at).is_some_and(|since| since >= self.hold.max(LEAST_CALM));
        if is_over || matches!(finding, Finding::CannotTell(_)) {
            pieces.forget();
        }
        let held = pieces.held(at);
        (held >= *enough).then(|| format!("it comes and goes: for {} lately", seconds(held)))
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

    fn bad(view: &LastLine) -> Finding {
        match view.0.as_str() {
            "bad" => Finding::Yes(vec!["bad".into()]),
            "fog" => Finding::CannotTell("fog".into()),
            _ => Finding::No,
        }
    }

    fn bad_for_a_second() -> Rule<LastLine> {
        Rule::new(Duration::from_secs(1), bad)
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

    /// Bad for `bad` milliseconds, good for `good`, and so on, until `end`; when it fires.
    fn comes_and_goes(mut rule: Rule<LastLine>, bad: u64, good: u64, end: u64) -> Option<u64> {
        (0..end).step_by(100).find(|at| {
            let text = if at % (bad + good) < bad { "bad" } else { "good" };
            matches!(rule.observe(&line(*at, text)), Verdict::Fired { .. })
        })
    }

    fn bad_for_most_of_a_minute() -> Rule<LastLine> {
        Rule::lasting(Duration::from_secs(8), bad)
    }

    #[test]
    fn what_comes_and_goes_fires_when_it_was_so_for_most_of_the_while() {
        // Four of each five seconds: 3.9 s are seen of each piece.
        let fired = comes_and_goes(bad_for_most_of_a_minute(), 4_000, 1_000, 120_000);
        assert!(fired.is_some_and(|at| (50_500..=52_000).contains(&at)), "{fired:?}");
        let mut plain = bad_for_a_second();
        plain.condition.hold = Duration::from_secs(8);
        assert_eq!(comes_and_goes(plain, 4_000, 1_000, 120_000), None);
    }

    #[test]
    fn what_is_well_for_half_of_the_while_or_for_a_whole_hold_does_not() {
        assert_eq!(comes_and_goes(bad_for_most_of_a_minute(), 3_000, 2_000, 240_000), None);
        // Each stretch ends before the hold, and a calm as long as the hold follows.
        assert_eq!(comes_and_goes(bad_for_most_of_a_minute(), 7_900, 8_100, 240_000), None);
    }

    #[test]
    fn a_calm_of_two_seconds_ends_what_comes_and_goes_however_short_its_hold() {
        let rule = || bad_for_a_second().or_in_pieces(Duration::from_secs(10), Duration::from_secs(60));
        assert!(comes_and_goes(rule(), 900, 1_900, 120_000).is_some());
        assert_eq!(comes_and_goes(rule(), 900, 2_200, 120_000), None);
    }

    #[test]
    fn in_pieces_it_is_quiet_in_between_and_blindness_forgets_all() {
        let mut rule = bad_for_most_of_a_minute();
        let mut last = Verdict::Quiet;
        for at in (0..70_000).step_by(100) {
            last = rule.observe(&line(at, if at % 5_000 < 4_000 { "bad" } else { "good" }));
        }
        assert_eq!(last, Verdict::Quiet);
        assert!(matches!(rule.observe(&line(70_000, "bad")), Verdict::Fired { at: Moment(70_000), .. }));
        rule.observe(&line(70_100, "fog"));
        assert_eq!(rule.observe(&line(70_200, "bad")), Verdict::Quiet);
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
