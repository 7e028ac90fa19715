//! How a series goes on beyond what was recorded of it.

use std::collections::BTreeSet;

use reenact_core::metrics::Kind;

use super::{Axis, Part, Point, Track};
use crate::recording::{Kept, Recording, Scraped};

/// Values of a time metric above this are moments by the wall clock, in seconds.
const WALL: f64 = 1e9;
/// How much older than the extension a process is that was not started within it.
const OLDER_S: f64 = 86_400.0;

/// A series and how it goes on.
pub(crate) struct Shape<'s> {
    values: &'s [Option<f64>],
    scraped: &'s Scraped,
    how: How,
}

enum How {
    /// The scrapes of a part again and again. A value that turned once while it was held does not turn
    /// back: `held` are the first and the last scrape of what stays. What was born while all was steady was
    /// not there before, and is not born again afterwards: it stays as it was seen last.
    Again { held: (usize, usize), born: Option<usize> },
    /// Goes on with the part's slope.
    Climbs(Climb),
    /// A moment: keeps its distance to the clock where it moves, its place where it stands. The run
    /// began at `epoch` by the wall clock, at `began_s` by promtool's.
    Moment { moves: bool, freezes: bool, epoch: f64, began_s: f64, pace: f64, turns: usize },
}

struct Climb {
    steady: Run,
    held: Run,
    /// What it had counted before the extension begins, so that it is never below zero.
    before: f64,
    /// The first scrape after a restart: what was counted before is forgotten.
    restarts: usize,
    /// Where the disturbance of a look-alike leaves it.
    left_at: f64,
}

/// A counter over one part.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    first: f64,
    /// What it gains over the whole part.
    gains: f64,
    falls: bool,
    is_there_at_the_end: bool,
    is_born_within: bool,
}

impl<'s> Shape<'s> {
    pub(crate) fn of(
        kept: &'s Kept,
        scraped: &'s Scraped,
        track: &Track<'_>,
        axis: &Axis,
        counters: &BTreeSet<String>,
        epoch: Option<f64>,
    ) -> Self {
        let how = match (is_moment(kept), epoch) {
            (true, Some(epoch)) => moment(kept, track, axis, epoch),
            _ if is_counter(kept, counters) => How::Climbs(Climb::of(kept, scraped, track, axis)),
            _ => How::Again { held: stays(&kept.values, &track.held), born: born(&kept.values, &track.steady) },
        };
        Self { values: &kept.values, scraped, how }
    }

    /// Its value in a sample.
    pub(crate) fn at(&self, point: Point) -> Option<f64> {
        match &self.how {
            How::Again { held, born } => match (point.part, born) {
                (Part::Before(1..), Some(_)) => None,
                (Part::After(_), Some(last)) => self.values[*last],
                (Part::Held(1..), _) => self.values[point.scrape.clamp(held.0, held.1)],
                _ => self.values[point.scrape],
            },
            How::Climbs(climb) => climb.at(point, self.values[point.scrape]),
            How::Moment { moves, freezes, epoch, began_s, pace, turns } => {
                let value = self.values[point.scrape]?;
                let is_held = matches!(point.part, Part::Held(1..));
                if *moves && !(is_held && *freezes) {
                    let age = epoch + self.scraped.scrapes[point.scrape].at as f64 / 1e3 - value;
                    return Some(point.clock as f64 / 1e3 - age * pace);
                }
                let older = if point.scrape < *turns { OLDER_S } else { 0.0 };
                Some(began_s + (value - epoch) * pace - older)
            }
        }
    }
}

fn is_moment(kept: &Kept) -> bool {
    let is_named = ["_time_seconds", "_timestamp_seconds", "_timestamp"].iter().any(|end| kept.name.ends_with(end));
    is_named && kept.values.iter().flatten().all(|value| *value > WALL) && kept.values.iter().any(Option::is_some)
}

/// Uptimes are clocks, whatever is declared of them.
fn is_clock(kept: &Kept) -> bool {
    kept.name.ends_with("_uptime") || kept.name.ends_with("_uptime_seconds")
}

fn is_counter(kept: &Kept, counters: &BTreeSet<String>) -> bool {
    is_clock(kept) || kept.kind == Kind::Counter || kept.kind == Kind::Untyped && counters.contains(&kept.name)
}

/// The wall clock at which the run began, in seconds: by a node's own clock, else by the youngest
/// moment that was seen, which cannot be later than the scrape that tells it.
pub(super) fn epoch(recording: &Recording) -> Option<f64> {
    let latest = |is: fn(&Kept) -> bool| {
        let told = recording.series().filter(|(_, kept)| is(kept) && is_moment(kept)).flat_map(|(scraped, kept)| {
            let at = scraped.scrapes.iter().map(|seen| seen.at as f64 / 1e3);
            kept.values.iter().zip(at).filter_map(|(value, at)| Some((*value)? - at))
        });
        told.reduce(f64::max)
    };
    let past = |kept: &Kept| !["expir", "not_after"].iter().any(|word| kept.name.contains(word));
    latest(|kept| kept.name == "node_time_seconds").or_else(|| latest(past))
}

fn moment(kept: &Kept, track: &Track<'_>, axis: &Axis, epoch: f64) -> How {
    let changes = |part: &[usize]| {
        let values: Vec<_> = part.iter().filter_map(|at| kept.values[*at]).collect();
        values.windows(2).filter(|pair| pair[0] != pair[1]).count()
    };
    // Where it first differs from what it was while all was steady: a restart.
    let first = track.steady.iter().find_map(|at| kept.values[*at]);
    let turns = kept.values.iter().position(|value| value.is_some() && *value != first).unwrap_or(kept.values.len());
    let pace = axis.parts.pace;
    let began_s = (axis.onset_clock() as f64 - axis.parts.onset as f64 * pace) / 1e3;
    let moves = changes(&track.steady) > 1 || changes(&track.held) > 1;
    How::Moment {
        moves,
        freezes: changes(&track.held) == 0,
        epoch,
        began_s,
        pace,
        turns: if first.is_some() { turns } else { 0 },
    }
}

/// The last scrape that has a series which was born in a part.
fn born(values: &[Option<f64>], part: &[usize]) -> Option<usize> {
    let is_there = |at: Option<&usize>| at.is_some_and(|at| values[*at].is_some());
    let is_born = is_there(part.last()) && !is_there(part.first());
    values.iter().rposition(Option::is_some).filter(|_| is_born)
}

/// The first and the last scrape of a part in which a value is as it stays, where it turned once only.
/// A turn that the last scrape alone has seen may be a moment's.
fn stays(values: &[Option<f64>], part: &[usize]) -> (usize, usize) {
    let turned: Vec<_> = part.windows(2).filter(|pair| values[pair[0]] != values[pair[1]]).collect();
    let (first, last) = (part.first().copied().unwrap_or(0), part.last().copied().unwrap_or(usize::MAX));
    match turned[..] {
        [&[before, once]] if once == last => (first, before),
        [&[_, once]] => (once, last),
        _ => (first, last),
    }
}

impl Climb {
    fn of(kept: &Kept, scraped: &Scraped, track: &Track<'_>, axis: &Axis) -> Self {
        let (values, parts) = (&kept.values, &axis.parts);
        let run = |part: &[usize], lasts: u64| Run::of(values, scraped, part, lasts);
        let steady = run(&track.steady, parts.onset.saturating_sub(parts.steady));
        let held = run(&track.held, parts.held_ms());
        let from = track.steady.first().copied().unwrap_or_default();
        let there: Vec<_> = (from..values.len()).filter_map(|at| Some((at, values[at]?))).collect();
        let falls = there.windows(2).find(|pair| pair[1].1 < pair[0].1).map(|pair| pair[1].0);
        let restarts = falls.unwrap_or(values.len());
        let copy = parts.production_ms(parts.onset.saturating_sub(parts.steady)).max(1);
        let copies = (axis.before as u64 * axis.interval_ms).div_ceil(copy) + 1;
        let before = (copies as f64 * steady.gains - steady.first).max(0.0);
        // The lab's processes are young, and those of production are not.
        let older = if is_clock(kept) { OLDER_S } else { 0.0 };
        let before = if steady.falls { 0.0 } else { before + older };
        let mut climb = Self { steady, held, before, restarts, left_at: 0.0 };
        let last = track.held.last().or(track.onset.last());
        climb.left_at = last.and_then(|at| Some(values[*at]? + climb.carried(*at))).unwrap_or_default();
        climb
    }

    /// What was counted before the recording, as long as nothing restarted.
    fn carried(&self, scrape: usize) -> f64 {
        if scrape < self.restarts { self.before } else { 0.0 }
    }

    fn at(&self, point: Point, value: Option<f64>) -> Option<f64> {
        let carried = self.carried(point.scrape);
        // What is repeated is a straight line: the scrapes of it come in no order.
        let line = |run: &Run, parts: f64| run.first + run.gains * (parts + point.share);
        match point.part {
            Part::Before(copy @ 1..) if !self.steady.falls => {
                value.map(|_| line(&self.steady, -(copy as f64)) + carried)
            }
            Part::Before(_) | Part::Onset | Part::Held(0) => Some(value? + carried),
            Part::Held(_) if self.held.falls => value,
            Part::Held(copy) => {
                let is_there = self.held.is_there_at_the_end && (value.is_some() || self.held.is_born_within);
                is_there.then(|| line(&self.held, copy as f64) + carried)
            }
            Part::After(copy) => value.map(|_| self.left_at + self.steady.gains * (copy as f64 + point.share)),
        }
    }
}

impl Run {
    fn of(values: &[Option<f64>], scraped: &Scraped, part: &[usize], lasts_ms: u64) -> Self {
        let there: Vec<_> = part.iter().filter_map(|at| Some((scraped.scrapes[*at].at, values[*at]?))).collect();
        let (Some(first), Some(last)) = (there.first(), there.last()) else { return Self::default() };
        let took = last.0.saturating_sub(first.0);
        let slope = if took == 0 { 0.0 } else { (last.1 - first.1) / took as f64 };
        Self {
            first: first.1,
            gains: (slope * lasts_ms as f64).max(0.0),
            falls: there.windows(2).any(|pair| pair[1].1 < pair[0].1),
            is_there_at_the_end: part.last().is_some_and(|at| values[*at].is_some()),
            is_born_within: part.first().is_some_and(|at| values[*at].is_none()),
        }
    }
}
