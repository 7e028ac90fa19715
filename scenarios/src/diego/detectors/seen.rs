//! The last answer to a question, and for how long it is known.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use reenact::probe::{Answer, Moment};

/// The named values of an answer.
pub type Values = BTreeMap<String, String>;

/// A signal that was last seen longer ago than this is not known. The slowest look is made
/// each second, and its limit is two.
pub const FRESH: Duration = Duration::from_secs(3);

/// An answer that can be read.
pub trait Read: Sized {
    /// What was asked.
    const OF: &'static str;

    /// Reads its values.
    ///
    /// # Errors
    /// If they are not what the contract says: why.
    fn read(values: &Values) -> Result<Self, String>;

    /// Reads an error that is an answer too.
    fn of_error(_code: &str) -> Option<Self> {
        None
    }
}

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<T> {
    /// An answer.
    Told(T),
    /// None, or an error: how.
    Silent(String),
    /// Not what the contract says: nothing can be told of it.
    Unreadable(String),
}

impl<T: Read> Look<T> {
    fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Values { values } => {
                T::read(values).map_or_else(|why| Self::Unreadable(format!("{}: {why}", T::OF)), Self::Told)
            }
            Answer::Error { code, text } => {
                T::of_error(code).map_or_else(|| Self::Silent(format!("fails with {code} {text}")), Self::Told)
            }
            Answer::Refused => Self::Silent("is refused".into()),
            Answer::Hung { during } => Self::Silent(format!("hangs in the {during}")),
        }
    }
}

/// The last answer to one question.
#[derive(Debug)]
pub struct Latest<T>(Option<(Moment, Look<T>)>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Read> Latest<T> {
    /// Takes an answer, and gives what is told.
    pub fn take(&mut self, at: Moment, answer: &Answer) -> Option<&T> {
        self.0 = Some((at, Look::of(answer)));
        self.told()
    }

    /// Whether the question was ever put.
    pub fn is_asked(&self) -> bool {
        self.0.is_some()
    }

    /// What was last told, however long ago, unless it was silent since.
    pub fn told(&self) -> Option<&T> {
        match &self.0 {
            Some((_, Look::Told(value))) => Some(value),
            _ => None,
        }
    }

    /// What is told now, or how it is silent.
    ///
    /// # Errors
    /// If neither is known: why.
    pub fn fresh(&self, now: Moment) -> Result<Result<&T, &str>, String> {
        match &self.0 {
            None => Err(never_seen(T::OF)),
            Some((at, _)) if now.since(*at) > FRESH => Err(format!("{} is not fresh", T::OF)),
            Some((_, Look::Unreadable(why))) => Err(why.clone()),
            Some((_, Look::Silent(how))) => Ok(Err(how)),
            Some((_, Look::Told(value))) => Ok(Ok(value)),
        }
    }
}

/// Why nothing can be told where nobody was asked.
pub fn never_seen(of: &str) -> String {
    format!("{of} was never seen")
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

/// A value that must be there.
///
/// # Errors
/// If it is not.
pub fn value<'v>(values: &'v Values, name: &str) -> Result<&'v str, String> {
    values.get(name).map(String::as_str).ok_or_else(|| format!("it lacks {name}"))
}

/// A number that must be there.
///
/// # Errors
/// If it is not there, or no such number.
pub fn number<T: FromStr>(values: &Values, name: &str) -> Result<T, String> {
    let text = value(values, name)?;
    text.parse().map_err(|_| format!("{name} cannot be read: {text}"))
}

/// `1` or `0`.
///
/// # Errors
/// If it is neither.
pub fn flag(values: &Values, name: &str) -> Result<bool, String> {
    match value(values, name)? {
        "1" => Ok(true),
        "0" => Ok(false),
        other => Err(format!("{name} is neither 1 nor 0: {other}")),
    }
}
