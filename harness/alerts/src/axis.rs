//! A recording on production's time axis: one value for each interval, before the onset for as
//! long as the rules look back, and after it for as long as they wait.
//!
//! ```text
//! [ steady, again and again ][ onset, real pace ][ held broken, again and again ]
//!                            ^ 0                 of a look-alike: once, then steady again
//! ```
//!
//! Scrapes are not aligned with faults, and not with each other: a seed moves the grid against
//! the onset, and each target within the interval.

mod shape;

use std::collections::BTreeSet;

use reenact_core::metrics::{Phase, Target};

use crate::recording::{Kept, Recording, Scraped};

pub(crate) use shape::Shape;

/// Where a moment of production's time lies in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Steady, so many times before its last.
    Before(u64),
    /// The onset.
    Onset,
    /// Held broken, for the time of this number.
    Held(u64),
    /// Steady again, after a look-alike's disturbance.
    After(u64),
}

/// A sample: which scrape of its target it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) part: Part,
    pub(crate) scrape: usize,
    /// How much of its part has passed, from 0 to 1.
    pub(crate) share: f64,
    /// When it is taken, in milliseconds of promtool's clock.
    pub(crate) clock: i64,
}

/// The parts of a recording, in milliseconds since the run began, as they passed there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Parts {
    pub(crate) steady: u64,
    pub(crate) onset: u64,
    pub(crate) broken: u64,
    pub(crate) over: u64,
    /// How much longer a time of the run is in production.
    pub(crate) pace: f64,
    /// The control has proved that the broken state lasts.
    pub(crate) lasts: bool,
    /// A look-alike: after its disturbance all is as before.
    pub(crate) returns: bool,
}

impl Parts {
    pub(crate) fn of(recording: &Recording) -> Self {
        let steady = recording.phases.get(&Phase::Steady).copied().unwrap_or_default();
        Self {
            steady,
            onset: recording.begins(Phase::Onset),
            broken: recording.begins(Phase::Broken),
            over: recording.begins(Phase::Over),
            pace: recording.head.pace,
            lasts: recording.lasts_s.is_some(),
            returns: recording.head.is_twin && recording.lasts_s.is_none(),
        }
    }

    /// For how long the broken state was held.
    pub(crate) fn held_ms(&self) -> u64 {
        self.over.saturating_sub(self.broken)
    }

    /// A time of the run as production's, in milliseconds.
    pub(crate) fn production_ms(&self, ms: u64) -> u64 {
        (ms as f64 * self.pace) as u64
    }

    /// How much of a part has passed at a moment of the recording.
    fn share(&self, part: Part, at: u64) -> f64 {
        let (from, to) = match part {
            Part::Before(_) | Part::After(_) => (self.steady, self.onset),
            Part::Onset => (self.onset, self.broken),
            Part::Held(_) => (self.broken, self.over),
        };
        at.saturating_sub(from) as f64 / to.saturating_sub(from).max(1) as f64
    }

    /// The part at so many of production's milliseconds after the onset, and the recording's moment
    /// there; `None` past what is known.
    fn place(&self, after: i64) -> Option<(Part, u64)> {
        let after = (after as f64 / self.pace).floor() as i64;
        let steady = self.onset.saturating_sub(self.steady);
        let (disturbed, held) = (self.broken.saturating_sub(self.onset), self.held_ms());
        let Ok(after) = u64::try_from(after) else {
            let before = after.unsigned_abs() - 1;
            let copy = before.checked_div(steady)?;
            return Some((Part::Before(copy), self.onset - 1 - before % steady));
        };
        if after < disturbed {
            return Some((Part::Onset, self.onset + after));
        }
        let after = after - disturbed;
        if after < held {
            return Some((Part::Held(0), self.broken + after));
        }
        if self.lasts {
            return Some((Part::Held(after.checked_div(held)?), self.broken + after % held));
        }
        let after = after - held;
        if self.returns { Some((Part::After(after.checked_div(steady)?), self.steady + after % steady)) } else { None }
    }
}

/// One extension of a recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) parts: Parts,
    pub(crate) interval_ms: u64,
    /// Over how long the onset is spread: the interval of the scrapes or of the evaluations,
    /// whichever is longer.
    pub(crate) spread_ms: u64,
    /// How many steps lie before the onset.
    pub(crate) before: usize,
    /// How many lie after it.
    pub(crate) after: usize,
    pub(crate) seed: u64,
    /// How many seeds there are: they share the interval between them.
    pub(crate) seeds: u64,
}

impl Axis {
    pub(crate) fn steps(&self) -> usize {
        self.before + self.after
    }

    /// How long after the onset the grid's first step is, in milliseconds.
    fn shift(&self) -> u64 {
        let share = self.spread_ms / self.seeds.max(1);
        self.seed % self.seeds.max(1) * share + hash(self.seed, "grid") % share.max(1)
    }

    /// How long before a step a target was scraped.
    fn lag(&self, target: &Target) -> u64 {
        hash(self.seed, &format!("{} {}", target.job, target.instance)) % self.interval_ms
    }

    /// The onset on promtool's clock.
    pub(crate) fn onset_clock(&self) -> i64 {
        (self.before as u64 * self.interval_ms) as i64 - self.shift() as i64
    }

    /// The target's sample at each step. The answer to a slow scrape is there at the next step only.
    pub(crate) fn points(&self, scraped: &Scraped) -> Vec<Option<Point>> {
        let track = Track::of(scraped, &self.parts);
        let lag = self.lag(&scraped.target);
        let taken = |step: i64| {
            let clock = step * self.interval_ms as i64 - lag as i64;
            let (part, at) = self.parts.place(clock - self.onset_clock())?;
            let pick = hash(self.seed, &format!("{} {step}", scraped.target.instance));
            Some(Point { part, scrape: track.scrape(part, at, pick)?, share: self.parts.share(part, at), clock })
        };
        let steps = 0..self.steps() as i64;
        let shown = steps.map(|step| {
            let point = taken(step)?;
            if scraped.scrapes[point.scrape].took_ms <= lag { Some(point) } else { taken(step - 1).or(Some(point)) }
        });
        shown.collect()
    }
}

/// Which scrapes of a target tell of which part.
#[derive(Debug)]
pub(crate) struct Track<'s> {
    scraped: &'s Scraped,
    pub(crate) steady: Vec<usize>,
    /// From the first to the last before the broken state.
    pub(crate) onset: Vec<usize>,
    /// Begun and ended while it was broken: one that hung until somebody acted looks healthy.
    pub(crate) held: Vec<usize>,
}

impl<'s> Track<'s> {
    pub(crate) fn of(scraped: &'s Scraped, parts: &Parts) -> Self {
        let within = |from: u64, to: u64| -> Vec<usize> {
            let all = scraped.scrapes.iter().enumerate();
            let whole = all.filter(|(_, seen)| seen.at >= from && seen.at < to && seen.at + seen.took_ms <= parts.over);
            whole.map(|(number, _)| number).collect()
        };
        Self {
            scraped,
            steady: within(parts.steady, parts.onset),
            onset: within(0, parts.broken),
            held: within(parts.broken, parts.over),
        }
    }

    /// The scrape that is the last at a moment of a part. Of what is repeated any one, as it is
    /// picked: in their order, a part whose length divides the interval would show one moment of it
    /// for ever.
    fn scrape(&self, part: Part, at: u64, pick: u64) -> Option<usize> {
        let any =
            |all: &[usize]| usize::try_from(pick % (all.len().max(1) as u64)).ok().and_then(|at| all.get(at).copied());
        let until = |all: &[usize]| {
            let passed = all.partition_point(|number| self.scraped.scrapes[*number].at <= at);
            passed.checked_sub(1).map(|last| all[last])
        };
        match part {
            Part::Before(0) => until(&self.steady).or(self.steady.first().copied()),
            Part::Before(_) | Part::After(_) => any(&self.steady),
            Part::Onset => until(&self.onset),
            Part::Held(0) => until(&self.held).or(self.onset.last().copied()),
            Part::Held(_) => any(&self.held),
        }
    }
}

/// Spreads seeds and names evenly: FNV-1a, and a last mixing of its bits.
fn hash(seed: u64, text: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(text.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// A recording's series on the axis, as promtool's test files write them.
pub(crate) struct Drawn {
    pub(crate) series: String,
    pub(crate) values: String,
}

/// Draws the series that are wanted.
pub(crate) fn drawn(
    recording: &Recording,
    axis: &Axis,
    counters: &BTreeSet<String>,
    is_wanted: impl Fn(&Kept) -> bool,
) -> Vec<Drawn> {
    let epoch = shape::epoch(recording);
    let mut all = Vec::new();
    for scraped in &recording.targets {
        let wanted: Vec<_> = scraped.series.iter().filter(|kept| is_wanted(kept)).collect();
        if wanted.is_empty() {
            continue;
        }
        let (track, points) = (Track::of(scraped, &axis.parts), axis.points(scraped));
        for kept in wanted {
            let shape = Shape::of(kept, scraped, &track, axis, counters, epoch);
            let values: Vec<_> = points.iter().map(|point| point.and_then(|point| shape.at(point))).collect();
            if values.iter().any(Option::is_some) {
                all.push(Drawn { series: named(&kept.name, &kept.labels), values: written(&values) });
            }
        }
    }
    // Two targets may have got the same labels by the user's relabelling: one series then.
    all.sort_by(|a, b| a.series.cmp(&b.series));
    all.dedup_by(|a, b| a.series == b.series);
    all
}

fn named(name: &str, labels: &std::collections::BTreeMap<String, String>) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// Values as promtool reads them, equal ones in a row as one.
fn written(values: &[Option<f64>]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut at = 0;
    let mut was_there = false;
    while at < values.len() {
        let value = values[at];
        let same = values[at..].iter().take_while(|other| bits(**other) == bits(value)).count();
        match value {
            None if was_there => {
                words.push("stale".into());
                words.extend((same > 1).then(|| format!("_x{}", same - 1)));
            }
            None => words.push(format!("_x{same}")),
            Some(value) if value.is_finite() && same > 1 => words.push(format!("{value}+0x{}", same - 1)),
            Some(value) => words.extend(vec![number(value); same]),
        }
        was_there = value.is_some();
        at += same;
    }
    words.join(" ")
}

fn bits(value: Option<f64>) -> Option<u64> {
    value.map(f64::to_bits)
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        value if value == f64::INFINITY => "Inf".into(),
        value if value == f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
