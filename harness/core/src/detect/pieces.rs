//! For how much of the last while a condition held, in pieces.

use std::{collections::VecDeque, time::Duration};

use crate::probe::Moment;

/// The stretches in which a condition held within the last while. Two looks at which it holds,
/// with none between at which it does not, make one stretch.
#[derive(Debug, Clone)]
pub struct Pieces {
    window: Duration,
    /// From the first to the last look at which it held.
    stretches: VecDeque<(Moment, Moment)>,
    /// Whether it held at the last look.
    holds: bool,
}

impl Pieces {
    /// Of a while of this length.
    pub fn of(window: Duration) -> Self {
        Self { window, stretches: VecDeque::new(), holds: false }
    }

    /// Takes note of whether it holds.
    pub fn note(&mut self, holds: bool, at: Moment) {
        match self.stretches.back_mut() {
            Some((_, to)) if holds && self.holds => *to = at.max(*to),
            _ if holds => self.stretches.push_back((at, at)),
            _ => {}
        }
        self.holds = holds;
        self.stretches.retain(|(_, to)| at.since(*to) <= self.window);
    }

    /// For how long it held of the while that ends at this moment.
    pub fn held(&self, at: Moment) -> Duration {
        let within = |(from, to): &(Moment, Moment)| at.since(*from).min(self.window).saturating_sub(at.since(*to));
        self.stretches.iter().map(within).sum()
    }

    /// In how many stretches it held within the while.
    pub fn count(&self) -> usize {
        self.stretches.len()
    }

    /// How long ago it last held; `None`: not within the while.
    pub fn since(&self, at: Moment) -> Option<Duration> {
        self.stretches.back().map(|(_, to)| at.since(*to))
    }

    /// Forgets the past.
    pub fn forget(&mut self) {
        (self.holds, self.stretches) = (false, VecDeque::new());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Notes what held at these seconds and gives for how many it held at the end.
    fn held(looks: &[(u64, bool)], window: u64) -> u64 {
        let mut pieces = Pieces::of(secs(window));
        looks.iter().for_each(|(at, holds)| pieces.note(*holds, Moment(at * 1_000)));
        let at = looks.last().map_or(0, |(at, _)| at * 1_000);
        pieces.held(Moment(at)).as_secs()
    }

    #[test]
    fn stretches_add_up_and_what_lies_between_does_not() {
        assert_eq!(held(&[(0, true), (4, true), (5, false), (6, true), (9, true)], 60), 7);
        assert_eq!(held(&[(0, false), (4, true), (5, false)], 60), 0);
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        assert_eq!(held(&[(0, true), (8, true), (9, false), (12, true), (14, true)], 10), 6);
        assert_eq!(held(&[(0, true), (8, true), (9, false), (30, false)], 10), 0);
    }

    #[test]
    fn it_is_known_when_it_last_held() {
        let mut pieces = Pieces::of(secs(10));
        assert_eq!(pieces.since(Moment(0)), None);
        pieces.note(true, Moment(1_000));
        pieces.note(false, Moment(4_000));
        assert_eq!((pieces.since(Moment(4_000)), pieces.since(Moment(6_000))), (Some(secs(3)), Some(secs(5))));
        pieces.forget();
        assert_eq!((pieces.since(Moment(6_000)), pieces.held(Moment(6_000))), (None, Duration::ZERO));
    }

    proptest! {
        #[test]
        fn it_never_held_for_longer_than_the_window(looks in prop::collection::vec((0_u64..5, any::<bool>()), 1..80)) {
            let mut at = 0;
            let looks: Vec<_> = looks.into_iter().map(|(gap, holds)| { at += gap; (at, holds) }).collect();
            prop_assert!(held(&looks, 20) <= 20);
        }
    }
}
