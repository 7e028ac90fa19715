//! What a run found, in words: what is lost, when it was acknowledged, and what that
//! pattern means.

use std::{collections::BTreeMap, time::Duration};

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
    /// Whether the leaver ended for want of memory.
    pub oom_killed: bool,
    /// How many updates the leaver had acknowledged that had no effect yet when its
    /// deletion began.
    pub waiting: usize,
    pub found: Findings,
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
        return Err(Error::inconclusive(format!(
            "each update that {LEAVER} had acknowledged had its effect before the deletion began, so that nothing \
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
            ("unknown", self.found.unknown as f64),
            ("refused", self.refused() as f64),
            ("waiting", self.waiting as f64),
            ("lost", self.found.lost.len() as f64),
            ("duplicates", self.found.repeated.len() as f64),
            ("exit_code", self.ended.exit_code as f64),
            ("stop_s", stop),
        ]
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let Findings { acknowledged, unknown, lost, repeated, .. } = &self.found;
        let by_leaver = self.entries.iter().filter(|entry| entry.ack == Ack::Ok && entry.node == LEAVER).count();
        let mut lines = vec![
            ("acknowledged", format!("{acknowledged} updates, {by_leaver} of them by {LEAVER}, which was deleted")),
            ("unknown", format!("{unknown} without a clear answer; each may have taken effect or not")),
            ("refused", format!("{} certainly not done", self.refused())),
            (
                "waiting",
                format!("{} acknowledged by {LEAVER} and without effect when its deletion began", self.waiting),
            ),
            ("lost", listed(lost.iter().copied())),
        ];
        lines.extend(self.clustering().map(|when| ("lost when", when)));
        lines.push(("done twice", listed(repeated.iter().copied())));
        lines.push(("end", self.end()));
        lines
    }

    /// Requests that certainly failed.
    fn refused(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.ack, Ack::Failed { .. })).count()
    }

    /// The requests before the signal for which there was no replica.
    fn unserved(&self) -> usize {
        let early = |entry: &&Entry| entry.node.is_empty() && entry.to < self.ended.signalled;
        self.entries.iter().filter(early).count()
    }

    /// The requests to the leaver that were sent after the signal and got no good answer.
    fn turned_away(&self) -> usize {
        let late = |entry: &&Entry| entry.node == LEAVER && entry.from >= self.ended.signalled;
        self.entries.iter().filter(late).filter(|entry| entry.ack != Ack::Ok).count()
    }

    fn lost(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| self.found.lost.contains(&entry.id))
    }

    /// Seconds from the signal to an acknowledgement; negative before it.
    fn after_signal(&self, entry: &Entry) -> f64 {
        (entry.to.0 as f64 - self.ended.signalled.0 as f64) / 1000.0
    }

    /// When the leaver's lost updates were acknowledged.
    fn clustering(&self) -> Option<String> {
        let mut times: Vec<f64> =
            self.lost().filter(|entry| entry.node == LEAVER).map(|entry| self.after_signal(entry)).collect();
        times.sort_by(f64::total_cmp);
        let (first, last) = (relative(*times.first()?), relative(*times.last()?));
        let middle = relative(times[times.len() / 2]);
        let late = times.iter().filter(|time| **time > 0.0).count();
        let after = if late > 0 { format!("; {late} of them after it") } else { String::new() };
        Some(format!("acknowledged {first} to {last} the signal, half of them since {middle}{after}"))
    }

    fn end(&self) -> String {
        let Ended { exit_code, took, .. } = &self.ended;
        let took = took.as_secs_f64();
        let end = match self.file.stop.signal {
            Signal::Kill => format!("exit code {exit_code}, by SIGKILL with no warning"),
            Signal::Term if self.overran() => {
                format!("exit code {exit_code}: SIGKILL {took:.2} s after SIGTERM, for the grace was OVERRUN")
            }
            Signal::Term => {
                let grace = self.time_left().as_secs();
                format!("exit code {exit_code}, {took:.2} s after SIGTERM; it had {grace} s")
            }
        };
        if self.oom_killed { format!("{end}; the kernel ended a process of it for want of memory") } else { end }
    }

    /// From SIGTERM to SIGKILL.
    fn time_left(&self) -> Duration {
        self.file.stop.grace().saturating_sub(self.file.stop.pre_stop())
    }

    /// Whether it was still there when the grace was over.
    fn overran(&self) -> bool {
        let killed = self.ended.exit_code == KILLED && self.ended.took + NEARLY >= self.time_left();
        self.file.stop.signal == Signal::Term && killed
    }

    fn meaning(&self) -> Vec<String> {
        let mut meaning = Vec::new();
        let of_leaver = self.lost().filter(|entry| entry.node == LEAVER).count();
        let of_others = self.found.lost.len() - of_leaver;
        if of_leaver > 0 {
            meaning.push(self.why_lost().into());
        } else if of_others == 0 {
            meaning.push(self.why_nothing_lost());
        }
        if of_others > 0 {
            meaning.push(format!(
                "{of_others} of the lost updates were acknowledged by a replica that went on: no shutdown took them. Is \
                 stop.settle shorter than their work, or do they depend on the replica that ended?"
            ));
        }
        if self.overran() && of_leaver == 0 {
            meaning.push(OVERRAN.into());
        }
        if !self.found.repeated.is_empty() {
            meaning.push(TWICE.into());
        }
        meaning.extend(self.of_unanswered());
        meaning
    }

    /// What it means that requests got no good answer.
    fn of_unanswered(&self) -> Vec<String> {
        let mut meaning = Vec::new();
        if self.unserved() > 0 {
            meaning.push(format!(
                "{} requests before the signal found no replica ready, by its own word at {}: it is not well, or this \
                 machine is too busy for these figures to mean much",
                self.unserved(),
                self.file.service.ready.0
            ));
        }
        if self.turned_away() > 0 {
            meaning.push(format!(
                "{} requests that were sent to {LEAVER} after the signal got no good answer: it was still routed to. They \
                 are not lost, their clients saw errors; a preStop pause longer than the endpoint's removal avoids them",
                self.turned_away()
            ));
        }
        meaning
    }

    /// Why updates of the leaver are lost.
    fn why_lost(&self) -> &'static str {
        if self.file.stop.signal == Signal::Kill {
            "Killed with no warning: what was acknowledged was in memory only. No drain helps here; an intent that is \
             stored with the request (an outbox) does, and stop.restart = true shows whether yours is taken up again"
        } else if self.oom_killed {
            "Killed for want of memory: read it as a SIGKILL, not as a shutdown"
        } else if self.overran() {
            "Killed before the drain ended: either the work takes longer than the grace, or the process never got \
             SIGTERM, as behind a shell that is process 1 (write `exec`), or ignores it"
        } else {
            "Work lost after the answer: the service ended in order, within its grace, and did not wait for the work \
             that answered requests had started. Its exit code tells nothing of it. Wait for that work after the last \
             request (a task tracker, an executor's awaitTermination), or store the intent with the request"
        }
    }

    fn why_nothing_lost(&self) -> String {
        let (waiting, restart) = (self.waiting, self.file.stop.restart);
        let how = match () {
            () if waiting == 0 => {
                return "Nothing waited for its effect, as the file says: it comes before the answer".into();
            }
            () if restart => "by the service's own shutdown, or after the restart: stop.restart = false tells which",
            () if self.file.stop.signal == Signal::Kill => "although it was killed: another replica took them up",
            () => "before it ended, or by another replica",
        };
        format!("All {waiting} updates that waited when {LEAVER} was deleted took effect, {how}")
    }
}

const OVERRAN: &str = "The grace was overrun and SIGKILL came. Nothing was lost this time; under more load, or with \
                       slower work, it may be";

const TWICE: &str = "Updates were done more than once: work was taken up again that had been done. Make it idempotent, by \
                     the update's id, or commit effect and mark together";

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

/// A time relative to the signal.
fn relative(seconds: f64) -> String {
    if seconds <= 0.0 { format!("{:.2} s before", seconds.abs()) } else { format!("{seconds:.2} s after") }
}
