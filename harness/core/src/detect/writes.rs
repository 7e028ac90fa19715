//! Reads are answered, and no write comes to its end.
//!
//! A slow system that gets on lets a write through now and then, which ends the case.

use std::time::Duration;

use super::{Asked, seconds};
use crate::probe::{Moment, Tried};

/// How a synthetic write hangs; `None`: it is done.
pub fn hangs(Tried { done, ms, waits_for }: &Tried) -> Option<String> {
    let lasts = seconds(Duration::from_millis(*ms));
    (!done).then(|| format!("a write hangs for {lasts} ({waits_for})"))
}

/// How the synthetic write hangs that was tried last; `None`: it is done, or was refused.
///
/// # Errors
/// Why that is not known.
pub fn hangs_now(write: &Asked<Tried>, now: Moment) -> Result<Option<String>, String> {
    Ok(write.fresh(now)?.ok().and_then(hangs))
}

/// The evidence of all places that answer reads, if a write hangs at each: where one takes
/// writes, it is not writes that are stalled.
pub fn everywhere(places: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    places.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_hangs_until_it_is_done() {
        let tried = |done| Tried { done, ms: 1_500, waits_for: "an answer".into() };
        assert_eq!(hangs(&tried(false)).as_deref(), Some("a write hangs for 1.5 s (an answer)"));
        assert_eq!(hangs(&tried(true)), None);
    }

    #[test]
    fn a_write_that_is_refused_does_not_hang_and_an_old_one_is_not_known() {
        let mut write = Asked::default();
        assert_eq!(hangs_now(&write, Moment(0)), Err("a synthetic write was never seen".into()));
        write.take(Moment(0), &crate::probe::Answer::Refused);
        assert_eq!(hangs_now(&write, Moment(0)), Ok(None));
        let tried = Tried { done: false, ms: 1_000, waits_for: "an answer".into() };
        write.take(Moment(1), &crate::probe::Answer::of(&tried));
        assert_eq!(hangs_now(&write, Moment(1)), Ok(hangs(&tried)));
        assert_eq!(hangs_now(&write, Moment(3_002)), Err("a synthetic write is not fresh".into()));
    }

    #[test]
    fn one_place_that_takes_writes_is_enough() {
        let hangs = || Some("a write hangs".to_owned());
        assert_eq!(everywhere([hangs(), hangs()]).len(), 2);
        assert!(everywhere([hangs(), None]).is_empty() && everywhere([]).is_empty());
    }
}
