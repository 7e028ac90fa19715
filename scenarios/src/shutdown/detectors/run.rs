//! One run of an instance: what its log and its gauges said, and how it ended.

use std::{collections::BTreeSet, time::Duration};

use reenact::{detect::Told, probe::Moment};

use super::{
    log::{Event, Gauge, Keeps},
    reconcile::Unmatched,
};

/// How far a moment by one clock may lie from the same by another: all containers
/// share the host's clock, but a line of a log is stamped when it is read.
pub const SKEW: Duration = Duration::from_secs(1);

/// Gauges that were read longer before the end than this say nothing about the end.
/// They are read four times a second, but not any more once the port is closed.
pub const LAST_LOOK: Duration = Duration::from_secs(1);

/// The exit code of a process that SIGKILL ended: 128 + 9.
const SIGKILLED: i64 = 137;

/// Of so many failures the ids are remembered: more cannot be made up for in a run.
const FAILURES_KEPT: usize = 10_000;

/// How a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// When, in milliseconds since 1970.
    pub finished_ms: i64,
    /// `None`: its machine was not seen to be off, but it has started again.
    pub exit_code: Option<i64>,
    /// Whether for want of memory.
    pub oom_killed: bool,
}

impl End {
    /// The exit code, if no signal ended it and it did not end in order.
    pub fn own_error(&self) -> Option<i64> {
        self.exit_code.filter(|code| (1..=128).contains(code))
    }
}

/// What made it end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It shut down by itself.
    Orderly,
    /// SIGKILL, or another signal that it did not handle.
    Killed,
    /// The kernel, for want of memory.
    OutOfMemory,
}

/// What an end has to do with rows that are overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explains {
    /// Nothing.
    Nothing,
    /// They were young when the end came; so many were overdue, or had failed, before.
    AllBut(u64),
    /// Some may be; how many were overdue before is not known.
    Unclear,
}

/// The last line about the shutdown.
#[derive(Debug)]
struct Word {
    gauge: Gauge,
    line: String,
    /// Works done since.
    done: u64,
}

/// A run, folded.
#[derive(Debug)]
pub struct Run {
    /// When it was first seen, or said that it has started.
    pub since: Moment,
    /// The same in milliseconds since 1970.
    pub since_ms: i64,
    /// What its first line says; `None`: it was not seen.
    pub keeps: Option<Keeps>,
    /// How it ended, if it has.
    pub end: Option<End>,
    /// Whether since its end a reconciliation has found nothing that it could have lost.
    pub settled: bool,
    /// When it was seen to shut down.
    begins_ms: Option<i64>,
    word: Option<Word>,
    /// Whether it said its last word.
    pub leaves: bool,
    /// Works that the shutdown interrupted.
    interrupted: u64,
    /// Whether it logs the beginning of each work.
    logs_work: bool,
    open: BTreeSet<u64>,
    /// Works that were given up before the shutdown.
    failed: BTreeSet<u64>,
    /// Its gauges, and when they were last read.
    gauge: Option<(i64, Gauge)>,
    /// How many of its rows were overdue when its end began.
    overdue_before: Option<u64>,
}

impl Run {
    /// A run of which nothing is known yet.
    pub fn new(since: Moment, since_ms: i64) -> Self {
        Self {
            since,
            since_ms,
            keeps: None,
            end: None,
            settled: false,
            begins_ms: None,
            word: None,
            leaves: false,
            interrupted: 0,
            logs_work: false,
            open: BTreeSet::new(),
            failed: BTreeSet::new(),
            gauge: None,
            overdue_before: None,
        }
    }

    /// Takes what its log says next. `overdue` tells how many of its rows were overdue
    /// at a moment.
    pub fn says(&mut self, event: Event, line: &str, wall_ms: i64, overdue: impl Fn(i64) -> Option<u64>) {
        self.leaves |= matches!(event, Event::Leaves(_));
        match event {
            Event::Started(keeps) => self.keeps = Some(keeps),
            Event::Begins(gauge) => {
                self.begins_ms = Some(wall_ms);
                self.overdue_before = overdue(wall_ms);
                self.word = Some(Word { gauge, line: line.into(), done: 0 });
            }
            Event::GoesOn(gauge) | Event::Leaves(gauge) => self.word = Some(Word { gauge, line: line.into(), done: 0 }),
            Event::Begun(id) => {
                self.logs_work = true;
                self.open.insert(id);
            }
            Event::Done(id) => {
                self.open.remove(&id);
                self.failed.remove(&id);
                if let Some(word) = &mut self.word {
                    word.done += 1;
                }
            }
            Event::Failed { id, interrupted } => self.fails(id, interrupted),
            Event::Retried(id) => {
                self.failed.remove(&id);
                self.open.insert(id);
            }
        }
    }

    fn fails(&mut self, id: u64, interrupted: bool) {
        self.open.remove(&id);
        if self.begins_ms.is_some() {
            self.interrupted += u64::from(interrupted);
        } else if self.failed.len() < FAILURES_KEPT {
            self.failed.insert(id);
        }
    }

    /// Takes its gauges.
    pub fn measured(&mut self, gauge: Gauge, wall_ms: i64) {
        if self.end.is_none() {
            self.gauge = Some((wall_ms, gauge));
        }
    }

    /// Notes its end, the first time.
    pub fn ends(&mut self, end: End, overdue: impl Fn(i64) -> Option<u64>) {
        if self.end.is_none() {
            self.end = Some(end);
            if self.begins_ms.is_none() {
                self.overdue_before = overdue(end.finished_ms);
            }
        }
    }

    /// Whether it had ended before anything was seen of it.
    pub fn is_unseen(&self) -> bool {
        self.keeps.is_none() && self.end.is_some_and(|end| end.finished_ms < self.since_ms)
    }

    /// Whether it shuts down and still runs.
    pub fn is_stopping(&self) -> bool {
        self.end.is_none() && self.begins_ms.is_some()
    }

    /// Takes a reconciliation of its instance; `is_last`: no later run could have
    /// made rows.
    pub fn reconciled(&mut self, rows: Unmatched, now_ms: i64, age_limit_ms: i64, is_last: bool) {
        let Some(end) = self.end else { return };
        let before = self.not_of_its_end();
        let nothing_left = is_last && now_ms > end.finished_ms && rows.overdue + rows.young <= before;
        let nothing_came = now_ms > end.finished_ms + age_limit_ms + millis(SKEW) && rows.overdue <= before;
        self.settled |= nothing_left || nothing_came;
    }

    /// Rows that were overdue before its end, and works that had failed: they may be
    /// the same.
    fn not_of_its_end(&self) -> u64 {
        self.overdue_before.unwrap_or_default().max(self.failed.len() as u64)
    }

    /// What its end has to do with these rows.
    ///
    /// A row that was created more than the age limit before the end began was overdue
    /// while the service still lived: it is not the end that it waits for. All that the
    /// end took was younger, which is the clustering of the report's rows.
    pub fn explains(&self, rows: Unmatched, age_limit_ms: i64) -> Explains {
        let Some(end) = self.end else { return Explains::Nothing };
        let begins_ms = self.begins_ms.map_or(end.finished_ms, |begins| begins.min(end.finished_ms));
        let from = begins_ms - age_limit_ms - millis(SKEW);
        let is_in = |row_ms: i64| (from..=end.finished_ms + millis(SKEW)).contains(&row_ms);
        let before = self.not_of_its_end();
        if rows.overdue <= before {
            Explains::Nothing
        } else if is_in(rows.first_ms) || (before > 0 && is_in(rows.last_ms)) {
            Explains::AllBut(before)
        } else if self.overdue_before.is_none() && is_in(rows.last_ms) {
            Explains::Unclear
        } else {
            Explains::Nothing
        }
    }

    /// What made it end, as far as it can be told.
    pub fn cause(&self) -> Option<Cause> {
        let end = self.end?;
        match end.exit_code {
            Some(SIGKILLED) if end.oom_killed => Some(Cause::OutOfMemory),
            Some(SIGKILLED) => Some(Cause::Killed),
            _ if self.begins_ms.is_some() => Some(Cause::Orderly),
            // 128 and the signal: it had no handler for it, and said nothing.
            Some(code) if code > 128 => Some(Cause::Killed),
            _ => None,
        }
    }

    /// The evidence that work was in flight at its orderly end; empty if none was.
    pub fn left_behind(&self) -> Vec<String> {
        let Some(word) = &self.word else { return Vec::new() };
        let left = word.gauge.all().saturating_sub(word.done);
        let mut lines = Vec::new();
        if left > 0 {
            lines.push(format!("its last word, with {left} works not done after it: {}", word.line));
        }
        if self.interrupted > 0 {
            lines.push(format!("{} works were interrupted by its shutdown", self.interrupted));
        }
        lines
    }

    /// The evidence that work was in memory when it was killed; empty if none was.
    pub fn in_memory(&self) -> Told {
        // Works that a queue holds show by its workers, which all are at work then.
        if self.logs_work {
            let open = self.open.len();
            return Ok(if open > 0 { vec![format!("{open} works begun and not ended")] } else { Vec::new() });
        }
        let end_ms = self.end.map_or(i64::MAX, |end| end.finished_ms);
        match (self.gauge, &self.word) {
            (Some((at, gauge)), _) if at + millis(LAST_LOOK) >= end_ms => Ok(match gauge.all() {
                0 => Vec::new(),
                _ => vec![format!("its last gauges: bg_inflight={} bg_queued={}", gauge.in_flight, gauge.queued)],
            }),
            (_, Some(word)) if word.gauge.all() == 0 => Ok(Vec::new()),
            _ => Err("what it had in flight when it was killed is not known".into()),
        }
    }

    /// The line about its shutdown that came last.
    pub fn last_word(&self) -> Option<&str> {
        self.word.as_ref().map(|word| word.line.as_str())
    }
}

/// Milliseconds, as moments of the wall clock are counted.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
