//! What is known of one instance of a service: its machine, its runs, its rows.

use std::{collections::VecDeque, time::Duration};

use reenact::probe::{Answer, Moment, Observation, Signal};

use super::{
    log::{self, Event, Gauge, Keeps},
    reconcile::{Reconciliation, Unmatched},
    run::{End, Run},
};

/// A polled signal that was last seen longer ago than this is not known. All are looked
/// at four times a second; a question that takes longer is given up as hung.
pub const FRESH: Duration = Duration::from_secs(3);

/// So many runs are remembered.
const RUNS_KEPT: usize = 16;

/// So many reconciliations: ten seconds, within which an end is seen.
const COUNTS_KEPT: usize = 40;

/// A value and when it was last seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<T> {
    pub(super) at: Moment,
    pub(super) value: T,
}

#[derive(Debug, Clone, Copy)]
struct Machine {
    running: bool,
    paused: bool,
}

/// The oldest overdue row, and since when nothing has become of it or of another.
#[derive(Debug, Clone, Copy)]
struct Oldest {
    first_ms: i64,
    overdue: u64,
    since: Moment,
}

/// Everything that was seen of one node.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Whether it is an instance of a service whose background work is watched.
    pub(super) is_instance: bool,
    machine: Option<Seen<Machine>>,
    ran: bool,
    runs: VecDeque<Run>,
    oldest: Option<Oldest>,
    /// When, by the database, how many of its rows were overdue.
    counts: VecDeque<(i64, u64)>,
}

impl Record {
    pub(super) fn observe(&mut self, observation: &Observation) {
        let (at, wall_ms) = (observation.at, observation.wall.as_millisecond());
        match &observation.signal {
            Signal::Machine { running, paused, exit_code, oom_killed, finished } => {
                self.machine = Some(Seen { at, value: Machine { running: *running, paused: *paused } });
                let unseen = self.ran.then_some(wall_ms);
                match finished.map(|at| at.as_millisecond()).or(unseen) {
                    _ if *running => self.runs(at, wall_ms),
                    Some(finished_ms) => {
                        let end = End { finished_ms, exit_code: *exit_code, oom_killed: *oom_killed };
                        self.ends(at, wall_ms, end);
                    }
                    // It never ran.
                    None => {}
                }
            }
            Signal::Log { line } => {
                if let Some(event) = log::parse(line) {
                    self.says(event, line, at, wall_ms);
                }
            }
            Signal::Query { of, answer } if of == "http:metrics" => {
                self.is_instance = true;
                if let Some(gauge) = gauge(answer) {
                    self.run(at, wall_ms).measured(gauge, wall_ms);
                }
            }
            _ => {}
        }
    }

    /// Its present run, or its last.
    fn run(&mut self, at: Moment, wall_ms: i64) -> &mut Run {
        if self.runs.is_empty() {
            self.runs.push_back(Run::new(at, wall_ms));
        }
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    fn next_run(&mut self, at: Moment, wall_ms: i64) {
        self.runs.retain(|run| !run.settled);
        if self.runs.len() >= RUNS_KEPT {
            self.runs.pop_front();
        }
        self.runs.push_back(Run::new(at, wall_ms));
    }

    fn runs(&mut self, at: Moment, wall_ms: i64) {
        self.ran = true;
        if self.run(at, wall_ms).end.is_some() {
            self.next_run(at, wall_ms);
        }
    }

    fn ends(&mut self, at: Moment, wall_ms: i64, end: End) {
        let is_later = self.runs.len() > 1;
        let counts = std::mem::take(&mut self.counts);
        let run = self.run(at, wall_ms);
        // A look that came late may tell of the run before.
        if !is_later || end.finished_ms >= run.since_ms {
            run.ends(end, |ms| overdue_at(&counts, ms));
        }
        self.counts = counts;
    }

    fn says(&mut self, event: Event, line: &str, at: Moment, wall_ms: i64) {
        if matches!(event, Event::Started(_)) {
            self.is_instance = true;
            self.starts(at, wall_ms);
        }
        let counts = std::mem::take(&mut self.counts);
        self.run(at, wall_ms).says(event, line, wall_ms, |ms| overdue_at(&counts, ms));
        self.counts = counts;
    }

    /// Lines come in order: whatever was said before is of an earlier run, also where
    /// its machine was off for too short a time to be seen.
    fn starts(&mut self, at: Moment, wall_ms: i64) {
        let run = self.run(at, wall_ms);
        if run.keeps.is_none() && run.end.is_none() {
            *run = Run::new(at, wall_ms);
            return;
        }
        self.ends(at, wall_ms, End { finished_ms: wall_ms, exit_code: None, oom_killed: false });
        self.next_run(at, wall_ms);
    }

    /// Takes the reconciliation of its rows.
    pub(super) fn reconciled(&mut self, at: Moment, seen: &Reconciliation, rows: Unmatched) {
        let last = self.runs.len().saturating_sub(1);
        for (index, run) in self.runs.iter_mut().enumerate() {
            run.reconciled(rows, seen.now_ms, seen.age_limit_ms, index == last);
        }
        if self.counts.len() >= COUNTS_KEPT {
            self.counts.pop_front();
        }
        self.counts.push_back((seen.now_ms, rows.overdue));
        let stays = |old: &Oldest| old.first_ms >= rows.first_ms && old.overdue <= rows.overdue;
        let since = self.oldest.filter(stays).map_or(at, |old| old.since);
        let oldest = Oldest { first_ms: rows.first_ms, overdue: rows.overdue, since };
        self.oldest = (rows.overdue > 0).then_some(oldest);
    }

    /// Takes that no reconciliation could be made: nothing could be done either.
    pub(super) fn not_reconciled(&mut self) {
        self.oldest = None;
    }
}

fn overdue_at(counts: &VecDeque<(i64, u64)>, ms: i64) -> Option<u64> {
    counts.iter().rev().find(|(now_ms, _)| *now_ms <= ms).map(|(_, overdue)| *overdue)
}

fn gauge(answer: &Answer) -> Option<Gauge> {
    let value = |name| answer.get(name)?.parse().ok();
    Some(Gauge { in_flight: value("bg_inflight")?, queued: value("bg_queued")? })
}

/// An instance as it is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'v> {
    /// Its name.
    pub name: &'v str,
    now: Moment,
    record: &'v Record,
}

impl<'v> Instance<'v> {
    pub(super) fn new(name: &'v str, now: Moment, record: &'v Record) -> Self {
        Self { name, now, record }
    }

    fn machine(&self) -> Option<Machine> {
        self.record.machine.filter(|seen| self.now.since(seen.at) <= FRESH).map(|seen| seen.value)
    }

    /// Whether its machine runs, if that is known; a paused one does.
    pub fn runs(&self) -> Option<bool> {
        self.machine().map(|machine| machine.running)
    }

    /// Whether its machine is paused.
    pub fn is_paused(&self) -> bool {
        self.machine().is_some_and(|machine| machine.paused)
    }

    fn last_run(&self) -> Option<&'v Run> {
        self.record.runs.back()
    }

    /// Where it keeps what it owes, as its last run said, or the one before where that
    /// has not said it yet.
    pub fn keeps(&self) -> Option<Keeps> {
        self.record.runs.iter().rev().find_map(|run| run.keeps)
    }

    /// Whether it shuts down and still runs.
    pub fn is_stopping(&self) -> bool {
        self.runs() == Some(true) && self.last_run().is_some_and(Run::is_stopping)
    }

    /// Whether it runs, unpaused, and is not about to end.
    pub fn works(&self) -> bool {
        self.runs() == Some(true) && !self.is_paused() && !self.is_stopping()
    }

    /// Its runs that have ended, the last first, but for those that are known to have
    /// lost nothing. Where its runs say that they have started, one that did not say it
    /// has served nobody.
    pub fn ended_runs(&self) -> impl Iterator<Item = (&'v Run, End)> {
        let says = self.keeps().is_some();
        let served = move |run: &&Run| !run.settled && (run.keeps.is_some() || !says);
        let unsettled = self.record.runs.iter().rev().filter(served);
        unsettled.filter_map(|run| Some((run, run.end?)))
    }

    /// For how long none of its overdue rows has been done, while somebody could have:
    /// the oldest is the same, and they have not become fewer.
    pub fn unmoved(&self, workers: impl IntoIterator<Item = Self>) -> Duration {
        let Some(oldest) = self.record.oldest else { return Duration::ZERO };
        let starts = workers.into_iter().filter_map(|worker| worker.last_run()).map(|run| run.since);
        let since = oldest.since.max(starts.min().unwrap_or(oldest.since));
        self.now.since(since)
    }
}
