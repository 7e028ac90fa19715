//! The last of a signal, and for how long it is known.

use std::time::Duration;

use crate::probe::{Answer, Moment, Question};

/// A polled signal that was last seen longer ago than this is not known. Every probe looks
/// at least once a second, and a [look](crate::probe::LOOK) takes up to 2 s.
pub const FRESH: Duration = Duration::from_secs(3);

/// A value, and when it was last seen.
#[derive(Debug, Clone)]
pub struct Latest<T>(Option<(Moment, T)>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Latest<T> {
    /// Takes what is seen.
    pub fn see(&mut self, at: Moment, value: T) -> &T {
        &self.0.insert((at, value)).1
    }

    /// What was last seen, however long ago.
    pub fn last(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    /// When it was last seen.
    pub fn at(&self) -> Option<Moment> {
        self.0.as_ref().map(|(at, _)| *at)
    }

    /// What was seen at most this long ago.
    pub fn within(&self, limit: Duration, now: Moment) -> Option<&T> {
        self.0.as_ref().filter(|(at, _)| now.since(*at) <= limit).map(|(_, value)| value)
    }

    /// What was seen at most [`FRESH`] ago.
    pub fn fresh(&self, now: Moment) -> Option<&T> {
        self.within(FRESH, now)
    }
}

/// Since when a condition holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Since(pub Option<Moment>);

impl Since {
    /// Takes note of whether it holds.
    pub fn note(&mut self, holds: bool, at: Moment) {
        self.0 = holds.then(|| self.0.unwrap_or(at));
    }
}

/// What came of a look.
#[derive(Debug, Clone)]
enum Look<T> {
    Told(T),
    /// No answer, or an error: how.
    Silent(String),
    /// An answer to another question: nothing can be told of it.
    Unreadable(String),
}

/// A question's last answer.
#[derive(Debug, Clone)]
pub struct Asked<T>(Latest<Look<T>>);

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self(Latest::default())
    }
}

impl<T: Question> Asked<T> {
    /// Takes an answer, and gives what it tells.
    pub fn take(&mut self, at: Moment, answer: &Answer) -> Option<&T> {
        let look = match (answer, answer.read()) {
            (Answer::Error { code, text }, _) => {
                T::of_error(code).map_or_else(|| Look::Silent(format!("fails with {code} ({text})")), Look::Told)
            }
            (Answer::Refused, _) => Look::Silent("is refused".into()),
            (Answer::Hung { during }, _) => Look::Silent(format!("hangs in the {during}")),
            (Answer::Values { .. }, Ok(value)) => Look::Told(value),
            (Answer::Values { .. }, Err(why)) => Look::Unreadable(format!("{}: {why}", T::OF)),
        };
        self.0.see(at, look);
        self.told()
    }

    /// Whether the question was ever put.
    pub fn is_asked(&self) -> bool {
        self.0.last().is_some()
    }

    /// What the last answer tells, however long ago it came.
    pub fn told(&self) -> Option<&T> {
        match self.0.last() {
            Some(Look::Told(value)) => Some(value),
            _ => None,
        }
    }

    /// When the last answer came, if it tells anything.
    pub fn at(&self) -> Option<Moment> {
        self.told().and(self.0.at())
    }

    /// What is told now, or how it is silent.
    ///
    /// # Errors
    /// If neither is known: why.
    pub fn fresh(&self, now: Moment) -> Result<Result<&T, &str>, String> {
        match self.0.fresh(now) {
            Some(Look::Told(value)) => Ok(Ok(value)),
            Some(Look::Silent(how)) => Ok(Err(how)),
            Some(Look::Unreadable(why)) => Err(why.clone()),
            None if self.is_asked() => Err(format!("{} is not fresh", T::OF)),
            None => Err(format!("{} was never seen", T::OF)),
        }
    }

    /// What is told now; silence tells nothing.
    ///
    /// # Errors
    /// If nothing is told: why.
    pub fn known(&self, now: Moment) -> Result<&T, String> {
        self.fresh(now)?.map_err(|how| format!("{} {how}", T::OF))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(at: u64) -> Moment {
        Moment(at)
    }

    #[test]
    fn what_is_seen_is_known_for_its_limit_and_no_longer() {
        let mut latest = Latest::default();
        assert_eq!((latest.last(), latest.at(), latest.fresh(ms(0))), (None, None, None));
        latest.see(ms(100), 7);
        assert_eq!((latest.fresh(ms(3_100)), latest.fresh(ms(3_101))), (Some(&7), None));
        assert_eq!((latest.within(Duration::ZERO, ms(100)), latest.within(Duration::ZERO, ms(101))), (Some(&7), None));
        assert_eq!((latest.last(), latest.at()), (Some(&7), Some(ms(100))));
    }

    #[test]
    fn a_condition_holds_since_it_began_to() {
        let mut since = Since::default();
        for (holds, at, expected) in [(true, 1, Some(1)), (true, 2, Some(1)), (false, 3, None), (true, 4, Some(4))] {
            since.note(holds, ms(at));
            assert_eq!(since.0, expected.map(Moment), "at {at}");
        }
    }

    crate::questions! { Ping = "x:ping" }

    #[derive(Debug, Clone, PartialEq, serde::Deserialize)]
    struct Ping {
        up: bool,
    }

    #[test]
    fn silence_is_known_and_an_answer_to_another_question_is_not() {
        let mut ping = Asked::<Ping>::default();
        let said = |ping: &Asked<Ping>, at| ping.fresh(ms(at)).map(|said| said.cloned().map_err(str::to_owned));
        assert_eq!(said(&ping, 0), Err("x:ping was never seen".into()));
        ping.take(ms(1), &Answer::Refused);
        assert_eq!(said(&ping, 1), Ok(Err("is refused".into())));
        assert_eq!(ping.known(ms(1)), Err("x:ping is refused".into()));
        assert_eq!((ping.at(), ping.is_asked()), (None, true));
        ping.take(ms(2), &Answer::Hung { during: "query".into() });
        assert_eq!(said(&ping, 2), Ok(Err("hangs in the query".into())));
        ping.take(ms(3), &Answer::Error { code: "7".into(), text: "no".into() });
        assert_eq!(said(&ping, 3), Ok(Err("fails with 7 (no)".into())));
        ping.take(ms(4), &Answer::Values { values: [("up".into(), "maybe".into())].into() });
        assert_eq!(said(&ping, 4), Err("x:ping: up: neither 1 nor 0: maybe".into()));
        let up = Answer::Values { values: [("up".into(), "1".into())].into() };
        assert_eq!(ping.take(ms(5), &up), Some(&Ping { up: true }));
        assert_eq!(said(&ping, 3_005), Ok(Ok(Ping { up: true })));
        assert_eq!(said(&ping, 3_006), Err("x:ping is not fresh".into()));
        assert_eq!((ping.told(), ping.at()), (Some(&Ping { up: true }), Some(ms(5))));
    }
}
