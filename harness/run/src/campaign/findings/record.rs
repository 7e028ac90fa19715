//! What nights have seen of a finding, and when that is enough to call it gone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::shrink::signature;

/// How sure it must be that a finding is gone.
const SURE: f64 = 0.95;

/// What is known of the failure that a plan shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What does not hold, in the words of the run that showed it first.
    pub reason: String,
    /// Whether nothing smaller fails alike; else the time was over.
    pub is_minimal: bool,
    /// The first commit that has it, if that was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<String>,
    /// The nights that ran the plan or met its failure, in order.
    #[serde(default, rename = "night")]
    pub nights: Vec<Night>,
}

/// What one campaign saw of a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// The session, whose name begins with its day.
    pub session: String,
    /// How many runs of the plan failed so.
    pub failed: u32,
    /// How many runs of the plan came to a verdict.
    pub of: u32,
    /// How many random schedules failed so, and have all that the plan has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub met: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// How a finding stands after its last night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was found in its last night, for the first time.
    New,
    /// It was gone, and its last night has seen it again.
    Back,
    /// It may still be there.
    Open,
    /// So many runs have passed since it was seen that it would have shown itself.
    Gone,
}

impl Night {
    fn is_seen(&self) -> bool {
        self.failed > 0 || self.met > 0
    }

    /// The day, such as `2026-11-30`, as far as the session's name tells it.
    pub fn day(&self) -> String {
        match self.session.split_at_checked(8) {
            Some((day, _)) if day.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..])
            }
            _ => self.session.clone(),
        }
    }
}

impl Record {
    /// How it stands. Sessions of one day, such as shards, are one night.
    pub fn state(&self) -> State {
        let day = self.nights.last().map(Night::day).unwrap_or_default();
        let (before, tonight) = self.nights.split_at(self.nights.partition_point(|night| night.day() < day));
        let was_seen = before.iter().any(Night::is_seen);
        match tonight.iter().any(Night::is_seen) {
            true if !was_seen => State::New,
            true if owed(before) == 0 => State::Back,
            false if owed(&self.nights) == 0 => State::Gone,
            _ => State::Open,
        }
    }

    /// Whether a run that failed for that reason shows it.
    pub fn is_shown_by(&self, reason: &str) -> bool {
        signature(reason) == signature(&self.reason)
    }

    /// So many runs more must pass until it counts as gone.
    pub fn owed(&self) -> u32 {
        owed(&self.nights)
    }

    /// The first and the last night that saw it.
    pub fn seen(&self) -> Option<(&Night, &Night)> {
        let mut seen = self.nights.iter().filter(|night| night.is_seen());
        let first = seen.next()?;
        Some((first, seen.next_back().unwrap_or(first)))
    }

    /// So many runs show it, if it is there: by how often its plan failed on the nights that saw it.
    pub fn runs_to_show(&self) -> u32 {
        runs_to_show(&self.nights)
    }

    /// How many of how many runs of the plan failed so, on all nights.
    pub fn failed(&self) -> (u32, u32) {
        failed(self.nights.iter())
    }

    /// Adds a night; of one that is there already, the fuller account stays.
    pub fn add(&mut self, night: Night) {
        match self.nights.iter_mut().find(|known| known.session == night.session) {
            Some(known) if (known.of, known.met) < (night.of, night.met) => *known = night,
            Some(_) => {}
            None => self.nights.push(night),
        }
        self.nights.sort_by(|a, b| a.session.cmp(&b.session));
    }

    /// This session's night, which is begun if need be.
    pub fn tonight(&mut self, session: &str) -> &mut Night {
        self.add(Night { session: session.into(), ..Night::default() });
        let at = self.nights.iter().position(|night| night.session == session).unwrap_or_default();
        &mut self.nights[at]
    }
}

fn failed<'n>(nights: impl Iterator<Item = &'n Night>) -> (u32, u32) {
    nights.fold((0, 0), |(failed, of), night| (failed + night.failed, of + night.of))
}

/// By Laplace's rule of succession, for few runs tell little: two of two are no 100 %.
fn runs_to_show(nights: &[Night]) -> u32 {
    let (failed, of) = failed(nights.iter().filter(|night| night.is_seen()));
    let rate = f64::from(failed + 1) / f64::from(of + 2);
    ((1.0 - SURE).ln() / (1.0 - rate).ln()).ceil() as u32
}

fn owed(nights: &[Night]) -> u32 {
    let since = nights.iter().rposition(Night::is_seen).map_or(0, |last| last + 1);
    let (_, passed) = failed(nights[since..].iter());
    runs_to_show(nights).saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(nights: &[(u32, u32, u32)]) -> Record {
        let night = |(at, &(failed, of, met)): (usize, &(u32, u32, u32))| Night {
            session: format!("202611{:02}T010000Z-5324d32b", at + 1),
            failed,
            of,
            met,
        };
        let nights = nights.iter().enumerate().map(night).collect();
        Record { reason: "stuck".into(), is_minimal: true, first_bad: None, nights }
    }

    #[test]
    fn what_fails_seldom_must_pass_more_often_until_it_is_gone() {
        let owed = |nights: &[(u32, u32, u32)]| record(nights).owed();
        assert_eq!([owed(&[(5, 5, 0)]), owed(&[(2, 3, 0)]), owed(&[(1, 5, 0)])], [2, 4, 9]);
        assert_eq!([owed(&[(5, 5, 0), (0, 1, 0)]), owed(&[(5, 5, 0), (0, 3, 0)])], [1, 0]);
        assert_eq!(owed(&[(5, 5, 0), (0, 3, 0), (1, 3, 0)]), 3, "seen again: the passes before count no more");
        assert_eq!(
            owed(&[(5, 5, 0), (0, 3, 1)]),
            4,
            "a random schedule has met it, and the plan itself fails less often"
        );
    }

    #[test]
    fn a_finding_is_new_then_open_then_gone_and_may_come_back() {
        let state = |nights: &[(u32, u32, u32)]| record(nights).state();
        assert_eq!(state(&[(3, 5, 0)]), State::New);
        assert_eq!(state(&[(3, 5, 0), (0, 3, 0)]), State::Open);
        assert_eq!(state(&[(3, 5, 0), (1, 3, 0)]), State::Open);
        assert_eq!(state(&[(3, 5, 0), (0, 3, 0), (0, 3, 0)]), State::Gone);
        assert_eq!(state(&[(3, 5, 0), (0, 3, 0), (0, 3, 0), (0, 0, 1)]), State::Back);
        assert_eq!(state(&[(3, 5, 0), (0, 3, 0), (0, 3, 0), (1, 1, 0), (0, 0, 0)]), State::Open);
        assert_eq!(state(&[]), State::Open, "nothing is known of it");
        let mut shards = record(&[(3, 5, 0), (3, 5, 0)]);
        shards.nights[1].session = shards.nights[0].session.replace("5324d32b", "aaaaaaaa");
        assert_eq!(shards.state(), State::New, "two shards of one night");
    }

    #[test]
    fn a_night_counts_once_and_nights_are_in_order() {
        let mut record = record(&[(3, 5, 0), (0, 3, 0)]);
        let first = record.nights[0].clone();
        record.add(Night { of: 1, failed: 0, ..first.clone() });
        record.add(Night { session: "20261031T000000Z-aaaaaaaa".into(), failed: 1, of: 1, met: 0 });
        assert_eq!(record.nights.iter().map(|night| night.of).collect::<Vec<_>>(), [1, 5, 3]);
        record.tonight(&first.session).met += 1;
        assert_eq!((record.nights.len(), record.nights[1].met), (3, 1));
        assert_eq!(record.seen().map(|(first, last)| (first.day(), last.day())).expect("seen").0, "2026-10-31");
    }
}
