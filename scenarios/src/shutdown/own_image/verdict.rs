//! What a run found, in words: what is lost, and when it was acknowledged.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use reenact::{
    Error, Result,
    campaign::Told,
    judge::Findings,
    workload::{Ack, Entry},
};

use super::{
    super::{faults::Ended, stories::LEAVER},
    file::{File, Signal},
};

/// The exit code of a process that SIGKILL ended.
const KILLED: i64 = 137;
/// How exactly the daemon keeps a grace.
const NEARLY: Duration = Duration::from_millis(500);
/// How many ids are shown.
const SHOWN: usize = 12;

/// What was seen of a run.
pub(super) struct Seen {
    pub file: &'static File,
    pub ended: Ended,
    /// The signal that ended it, by its name.
    pub signal: String,
    /// What became of the preStop hook's command, if there was one.
    pub pre_stop: Option<String>,
    /// Whether the leaver ended for want of memory.
    pub oom_killed: bool,
    /// How many updates the leaver, or the queue, had acknowledged that had no effect yet
    /// when the deletion began.
    pub waiting: usize,
    pub found: Findings,
    /// The updates whose clients were told no, and whether each took effect all the same.
    pub refused: HashMap<u64, bool>,
    pub entries: Vec<Entry>,
}

/// What clients were answered that were not acknowledged, the most frequent first.
pub(super) fn answers(entries: &[Entry]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for entry in entries {
        if let Ack::Failed { why } | Ack::Unknown { why } = &entry.ack {
            *counts.entry(why).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told: Vec<_> = counts.iter().take(3).map(|(why, count)| format!("{why} ({count} times)")).collect();
    if told.is_empty() { "nothing".into() } else { told.join(", ") }
}

/// The verdict.
///
/// # Errors
/// [`Error::Inconclusive`] where nothing lost does not mean that nothing can be lost.
pub(super) fn told(seen: &Seen) -> Result<Told> {
    let Findings { acknowledged, lost, repeated, .. } = &seen.found;
    if lost.len() == *acknowledged {
        return Err(Error::inconclusive(format!(
            "none of {acknowledged} acknowledged updates took effect, those of before the deletion neither: \
             do [effects] find the ids of the requests? Do they need more than load.before and stop.settle?"
        )));
    }
    if seen.waiting == 0 && lost.is_empty() && repeated.is_empty() && !seen.file.effects.get_ref().before_answer {
        let who = if seen.file.has_queue() { "the queue" } else { LEAVER };
        return Err(Error::inconclusive(format!(
            "each update that {who} had acknowledged had its effect before the deletion began, so that nothing \
             could be lost: write more load, or effects.before_answer = true if the effect comes before the answer"
        )));
    }
    Ok(Told { broken: seen.broken(), figures: seen.figures(), lines: seen.lines(), meaning: seen.meaning() })
}

impl Seen {
    fn broken(&self) -> Option<String> {
        let (lost, twice) = (self.found.lost.len(), self.found.repeated.len());
        let all = self.found.acknowledged;
        match (lost, twice) {
            (0, 0) => None,
            (lost, 0) => Some(format!("{lost} of {all} acknowledged updates are LOST")),
            (0, twice) => Some(format!("{twice} updates took effect more than once")),
            (lost, twice) => {
                Some(format!("{lost} of {all} acknowledged updates are LOST, and {twice} took effect more than once"))
            }
        }
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let stop = (self.ended.took.as_secs_f64() * 100.0).round() / 100.0;
        vec![
            ("acknowledged", self.found.acknowledged as f64),
            ("unknown", self.unknown() as f64),
            ("refused", self.turned_down() as f64),
            ("waiting", self.waiting as f64),
            ("lost", self.found.lost.len() as f64),
            ("duplicates", self.found.repeated.len() as f64),
            ("exit_code", self.ended.exit_code as f64),
            ("stop_s", stop),
        ]
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let Findings { acknowledged, lost, repeated, .. } = &self.found;
        let by_leaver = self.entries.iter().filter(|entry| entry.ack == Ack::Ok && entry.node == LEAVER).count();
        let (acknowledged, waiting) = if self.file.has_queue() {
            (format!("{acknowledged} updates, accepted by the queue"), "accepted by the queue".into())
        } else {
            let acknowledged = format!("{acknowledged} updates, {by_leaver} of them by {LEAVER}, which was deleted");
            (acknowledged, format!("acknowledged by {LEAVER}"))
        };
        let waiting = format!("{} {waiting} and without effect when the deletion of {LEAVER} began", self.waiting);
        let mut lines = vec![
            ("acknowledged", acknowledged),
            ("unknown", format!("{} without a whole answer; each may have taken effect or not", self.unknown())),
            ("refused", self.refusals()),
            ("waiting", waiting),
            ("lost", listed(lost.iter().copied())),
        ];
        lines.extend(self.clustering().map(|when| ("lost when", when)));
        lines.push(("done twice", listed(repeated.iter().copied())));
        lines.extend(self.pre_stop.clone().map(|became| ("preStop", became)));
        lines.push(("end", self.end()));
        lines
    }

    /// Updates whose clients do not know what became of them.
    fn unknown(&self) -> usize {
        self.found.unknown.saturating_sub(self.refused.len())
    }

    /// Updates whose clients know that nothing was promised.
    fn turned_down(&self) -> usize {
        self.refused.len() + self.entries.iter().filter(|entry| matches!(entry.ack, Ack::Failed { .. })).count()
    }

    fn refusals(&self) -> String {
        let all = self.turned_down();
        let told = format!("{all} got another answer, or found nobody: nothing was promised");
        match self.refused.values().filter(|done| **done).count() {
            0 => told,
            done => format!("{told}; {done} of them took effect all the same"),
        }
    }

    /// The requests before the signal for which there was no replica.
    pub(super) fn unserved(&self) -> usize {
        let early = |entry: &&Entry| entry.node.is_empty() && entry.to < self.ended.signalled;
        self.entries.iter().filter(early).count()
    }

    /// The requests to the leaver that were sent after the signal and got no good answer.
    pub(super) fn turned_away(&self) -> usize {
        let late = |entry: &&Entry| entry.node == LEAVER && entry.from >= self.ended.signalled;
        self.entries.iter().filter(late).filter(|entry| entry.ack != Ack::Ok).count()
    }

    pub(super) fn lost(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| self.found.lost.contains(&entry.id))
    }

    /// Seconds from the signal to an acknowledgement; negative before it.
    pub(super) fn after_signal(&self, entry: &Entry) -> f64 {
        (entry.to.0 as f64 - self.ended.signalled.0 as f64) / 1000.0
    }

    /// When the lost updates of the leaver, or of the queue, were acknowledged.
    fn clustering(&self) -> Option<String> {
        let counts = |entry: &&Entry| self.file.has_queue() || entry.node == LEAVER;
        let mut times: Vec<f64> = self.lost().filter(counts).map(|entry| self.after_signal(entry)).collect();
        times.sort_by(f64::total_cmp);
        let (first, last) = (relative(*times.first()?), relative(*times.last()?));
        let middle = relative(times[times.len() / 2]);
        let late = times.iter().filter(|time| **time > 0.0).count();
        let after = if late > 0 { format!("; {late} of them after it") } else { String::new() };
        Some(format!("acknowledged {first} to {last} the signal, half of them since {middle}{after}"))
    }

    fn end(&self) -> String {
        let (Ended { exit_code, took, time_left, .. }, signal) = (&self.ended, &self.signal);
        let took = took.as_secs_f64();
        let end = match self.file.stop.signal {
            Signal::Kill => format!("exit code {exit_code}, by SIGKILL with no warning"),
            Signal::Term if self.overran() => {
                format!("exit code {exit_code}: SIGKILL {took:.2} s after {signal}, for the grace was OVERRUN")
            }
            Signal::Term => {
                format!("exit code {exit_code}, {took:.2} s after {signal}; it had {} s", time_left.as_secs())
            }
        };
        if self.oom_killed { format!("{end}; the kernel ended a process of it for want of memory") } else { end }
    }

    /// Whether it was still there when the grace was over.
    pub(super) fn overran(&self) -> bool {
        let killed = self.ended.exit_code == KILLED && self.ended.took + NEARLY >= self.ended.time_left;
        self.file.stop.signal == Signal::Term && killed
    }
}

/// Ids for people.
fn listed(ids: impl ExactSizeIterator<Item = u64>) -> String {
    let count = ids.len();
    if count == 0 {
        return "none".into();
    }
    let shown: Vec<_> = ids.take(SHOWN).map(|id| id.to_string()).collect();
    let more = if count > SHOWN { ", …" } else { "" };
    format!("{count} (ids {}{more})", shown.join(", "))
}

/// A time relative to the signal, in seconds.
pub(super) fn relative(seconds: f64) -> String {
    if seconds <= 0.0 { format!("{:.2} s before", seconds.abs()) } else { format!("{seconds:.2} s after") }
}
