//! What is known of one instance of a service: its machine, its runs, its rows.

use std::{collections::VecDeque, time::Duration};

use reenact::{
    detect::{self, Asked, LastWords, Latest, Nodes, View, hangs_now},
    probe::{Answer, Moment, Observation, Question, Signal, Tried},
};

use super::{
    log::{self, Event, Gauge, Keeps},
    reconcile::{Reconciliation, Unmatched},
    run::{End, Run},
    writes::WRITE,
};

/// So many runs are remembered.
const RUNS_KEPT: usize = 16;

/// So many reconciliations: ten seconds, within which an end is seen.
const COUNTS_KEPT: usize = 40;

/// An instance's runs; those that are known to have lost nothing are forgotten.
#[derive(Debug, Default)]
struct Runs(VecDeque<Run>);

impl Runs {
    /// The present run, or the last.
    fn last(&mut self, at: Moment, wall_ms: i64) -> &mut Run {
        if self.0.is_empty() {
            self.0.push_back(Run::new(at, wall_ms));
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// An end that is later than the one that was seen is that of a run into which no look fell.
    fn end_again(&mut self, at: Moment, finished_ms: Option<i64>) {
        let before = self.0.back().and_then(|run| run.end).filter(|end| end.exit_code.is_some());
        if let (Some(before), Some(finished_ms)) = (before, finished_ms)
            && before.finished_ms < finished_ms
        {
            self.begin(at, finished_ms);
        }
    }

    fn begin(&mut self, at: Moment, wall_ms: i64) {
        self.0.retain(|run| !run.settled);
        if self.0.len() >= RUNS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Run::new(at, wall_ms));
    }
}

/// When, by the database, how many of an instance's rows were overdue.
#[derive(Debug, Default)]
struct Counts(VecDeque<(i64, u64)>);

impl Counts {
    fn note(&mut self, now_ms: i64, overdue: u64) {
        if self.0.len() >= COUNTS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back((now_ms, overdue));
    }

    fn at(&self, ms: i64) -> Option<u64> {
        self.0.iter().rev().find(|(now_ms, _)| *now_ms <= ms).map(|(_, overdue)| *overdue)
    }
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
pub struct Record {
    /// Whether it is an instance of a service whose background work is watched.
    is_instance: bool,
    /// Whether its machine runs, and whether it is paused.
    machine: Latest<(bool, bool)>,
    ran: bool,
    runs: Runs,
    oldest: Option<Oldest>,
    counts: Counts,
    /// Whether its port refused when it was last asked for its gauges.
    refuses: Latest<bool>,
    /// When it last served, or said that it has started.
    served: Moment,
    /// How many runs in a row have ended by an error of their own since then.
    in_vain: usize,
    words: LastWords,
    /// Whether it was told to end before it had started.
    told_to_end: bool,
}

impl detect::Record for Record {
    fn observe(&mut self, observation: &Observation) {
        let (at, wall_ms) = (observation.at, observation.wall.as_millisecond());
        match &observation.signal {
            Signal::Machine { running, paused, exit_code, oom_killed, finished } => {
                self.machine.see(at, (*running, *paused));
                let unseen = self.ran.then_some(wall_ms);
                match finished.map(|at| at.as_millisecond()).or(unseen) {
                    _ if *running => self.runs(at, wall_ms),
                    Some(finished_ms) => {
                        self.runs.end_again(at, finished.and(Some(finished_ms)));
                        let end = End { finished_ms, exit_code: *exit_code, oom_killed: *oom_killed };
                        self.ends(at, wall_ms, end);
                    }
                    // It never ran.
                    None => {}
                }
            }
            Signal::Log { line } => {
                self.words.hear(at, line);
                self.told_to_end |= log::is_told_to_end(line);
                if let Some(event) = log::parse(line) {
                    self.says(event, line, at, wall_ms);
                }
            }
            Signal::Query { of, answer } if of == "http:metrics" => {
                self.is_instance = true;
                self.refuses.see(at, *answer == Answer::Refused);
                if matches!(answer, Answer::Values { .. }) {
                    self.serves(at);
                }
                if let Some(gauge) = gauge(answer) {
                    self.runs.last(at, wall_ms).measured(gauge, wall_ms);
                }
            }
            _ => {}
        }
    }

    fn is_ours(&self) -> bool {
        self.is_instance
    }
}

impl Record {
    fn runs(&mut self, at: Moment, wall_ms: i64) {
        self.ran = true;
        if self.runs.last(at, wall_ms).end.is_some() {
            self.runs.begin(at, wall_ms);
        }
    }

    fn ends(&mut self, at: Moment, wall_ms: i64, end: End) {
        let is_later = self.runs.0.len() > 1;
        let run = self.runs.last(at, wall_ms);
        // A look that came late may tell of the run before.
        if !is_later || end.finished_ms >= run.since_ms {
            self.in_vain += usize::from(run.end.is_none() && end.own_error().is_some());
            run.ends(end, |ms| self.counts.at(ms));
        }
    }

    fn serves(&mut self, at: Moment) {
        (self.served, self.in_vain, self.told_to_end) = (self.served.max(at), 0, false);
    }

    fn says(&mut self, event: Event, line: &str, at: Moment, wall_ms: i64) {
        if matches!(event, Event::Started(_)) {
            self.is_instance = true;
            self.serves(at);
            self.starts(at, wall_ms);
        }
        self.runs.last(at, wall_ms).says(event, line, wall_ms, |ms| self.counts.at(ms));
    }

    /// Lines come in order: whatever was said before is of an earlier run, also where
    /// its machine was off for too short a time to be seen.
    fn starts(&mut self, at: Moment, wall_ms: i64) {
        let run = self.runs.last(at, wall_ms);
        if run.keeps.is_none() && run.end.is_none() {
            *run = Run::new(at, wall_ms);
            return;
        }
        self.ends(at, wall_ms, End { finished_ms: wall_ms, exit_code: None, oom_killed: false });
        self.runs.begin(at, wall_ms);
    }

    /// Takes the reconciliation of its rows.
    fn reconciled(&mut self, at: Moment, seen: &Reconciliation, rows: Unmatched) {
        let last = self.runs.0.len().saturating_sub(1);
        for (index, run) in self.runs.0.iter_mut().enumerate() {
            run.reconciled(rows, seen.now_ms, seen.age_limit_ms, index == last);
        }
        self.counts.note(seen.now_ms, rows.overdue);
        let stays = |old: &Oldest| old.first_ms >= rows.first_ms && old.overdue <= rows.overdue;
        let since = self.oldest.filter(stays).map_or(at, |old| old.since);
        let oldest = Oldest { first_ms: rows.first_ms, overdue: rows.overdue, since };
        self.oldest = (rows.overdue > 0).then_some(oldest);
    }
}

fn gauge(answer: &Answer) -> Option<Gauge> {
    let value = |name| answer.get(name)?.parse().ok();
    Some(Gauge { in_flight: value("bg_inflight")?, queued: value("bg_queued")? })
}

/// All nodes, with what is known of each, and the last reconciliation.
#[derive(Debug, Default)]
pub struct ServiceView {
    nodes: Nodes<Record>,
    reconciliation: Asked<Reconciliation>,
    write: Asked<Tried>,
}

impl View for ServiceView {
    fn observe(&mut self, observation: &Observation) {
        self.nodes.observe(observation);
        match &observation.signal {
            Signal::Query { of, answer } if of == Reconciliation::OF => self.reconcile(observation.at, answer),
            Signal::Query { of, answer } if of == WRITE => _ = self.write.take(observation.at, answer),
            _ => {}
        }
    }

    fn is_blank(&self) -> bool {
        !self.reconciliation.is_asked() && !self.write.is_asked() && self.nodes.is_blank()
    }
}

impl ServiceView {
    /// Where no reconciliation could be made, nothing could be done either.
    fn reconcile(&mut self, at: Moment, answer: &Answer) {
        let Some(seen) = self.reconciliation.take(at, answer) else {
            return self.nodes.iter_mut().for_each(|(_, record)| record.oldest = None);
        };
        for instance in seen.instances() {
            self.nodes.record(instance).is_instance = true;
        }
        for (name, record) in self.nodes.iter_mut() {
            record.reconciled(at, seen, seen.unmatched(name));
        }
    }

    /// The instances of a service whose background work is watched, if there ever was one.
    pub fn instances(&self) -> Result<Vec<Instance<'_>>, String> {
        let instances = self.nodes.iter().filter(|(_, record)| record.is_instance);
        let instances: Vec<_> =
            instances.map(|(name, record)| Instance { name, now: self.nodes.now(), record }).collect();
        if instances.is_empty() { Err("no service with background work was ever seen".into()) } else { Ok(instances) }
    }

    /// How the database is silent, if it was ever asked and does not answer.
    pub fn database_is_silent(&self) -> Result<Option<&str>, String> {
        if !self.reconciliation.is_asked() {
            return Ok(None);
        }
        Ok(self.reconciliation.fresh(self.nodes.now())?.err())
    }

    /// How the request that is tried hangs, if it does.
    pub fn write_hangs(&self) -> Result<Option<String>, String> {
        hangs_now(&self.write, self.nodes.now())
    }

    /// The last reconciliation, if it is known.
    pub fn reconciliation(&self) -> Result<&Reconciliation, String> {
        self.reconciliation.known(self.nodes.now())
    }
}

/// An instance as it is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'v> {
    pub name: &'v str,
    now: Moment,
    record: &'v Record,
}

impl<'v> Instance<'v> {
    /// Whether its machine runs, if that is known; a paused one does.
    pub fn runs(&self) -> Option<bool> {
        self.record.machine.fresh(self.now).map(|(running, _)| *running)
    }

    pub fn is_paused(&self) -> bool {
        self.record.machine.fresh(self.now).is_some_and(|(_, paused)| *paused)
    }

    /// Whether it runs, unpaused, and does not drain: one that has said its last word is gone, and
    /// the next one is to come.
    pub fn should_serve(&self) -> bool {
        let drains = self.is_stopping() && !self.last_run().is_some_and(|run| run.leaves);
        self.runs() == Some(true) && !self.is_paused() && !drains
    }

    /// Whether it was told to end before it had started.
    pub fn is_told_to_end(&self) -> bool {
        self.record.told_to_end
    }

    /// Whether its port refuses.
    pub fn refuses(&self) -> bool {
        self.record.refuses.fresh(self.now) == Some(&true)
    }

    /// The exit code of its last run, if that ended by an error of its own.
    pub fn own_error(&self) -> Option<i64> {
        self.last_run()?.end?.own_error()
    }

    /// How many runs in a row have ended so since it last served.
    pub fn starts_in_vain(&self) -> usize {
        self.record.in_vain
    }

    /// What went wrong since then, by its log.
    pub fn last_words(&self) -> Option<&'v str> {
        self.record.words.since(self.record.served)
    }

    fn last_run(&self) -> Option<&'v Run> {
        self.record.runs.0.back()
    }

    /// Where it keeps what it owes, as its last run said, or the one before where that
    /// has not said it yet.
    pub fn keeps(&self) -> Option<Keeps> {
        self.record.runs.0.iter().rev().find_map(|run| run.keeps)
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
        let unsettled = self.record.runs.0.iter().rev().filter(served);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_runs_and_forty_counts_are_kept() {
        let (mut runs, mut counts) = (Runs::default(), Counts::default());
        for number in 0..100 {
            runs.begin(Moment(number), 0);
            counts.note(number as i64, number);
        }
        assert_eq!((runs.0.len(), runs.0[0].since), (16, Moment(84)));
        assert_eq!((counts.0.len(), counts.at(60), counts.at(59), counts.at(1_000)), (40, Some(60), None, Some(99)));
    }
}
