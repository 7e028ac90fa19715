//! What the pattern of a run's losses means, and what helps. It says what was looked at, and
//! what nobody looked at.

use reenact::workload::{Ack, Entry};

use super::{
    super::stories::LEAVER,
    file::{Signal, Update},
    verdict::{Seen, relative},
};

const OVERRAN: &str = "The grace was overrun and SIGKILL came. Nothing was lost this time; under more load, or with \
                       slower work, it may be";

const TWICE: &str = "Updates were done more than once: work was taken up again that had been done. Make it idempotent, by \
                     the update's id, or commit effect and mark together";

impl Seen {
    /// One sentence or some for each pattern that shows.
    pub(super) fn meaning(&self) -> Vec<String> {
        let mut meaning = Vec::new();
        let (of_leaver, others): (Vec<&Entry>, Vec<_>) = self.lost().partition(|entry| entry.node == LEAVER);
        let (before, after): (Vec<&Entry>, Vec<_>) = others.into_iter().partition(|entry| self.could_be_taken(entry));
        if !of_leaver.is_empty() {
            meaning.push(self.why_lost() + &self.perhaps_no_promises(&of_leaver));
        } else if self.found.lost.is_empty() {
            meaning.push(self.why_nothing_lost());
        }
        if !before.is_empty() {
            meaning.push(self.perhaps_taken(&before));
        }
        if !after.is_empty() {
            meaning.push(format!(
                "{} of the lost updates were sent when {LEAVER} was gone: its end did not take them. Is stop.settle \
                 shorter than their work, or do they depend on {LEAVER}?",
                after.len()
            ));
        }
        if self.overran() && of_leaver.is_empty() && before.is_empty() {
            meaning.push(OVERRAN.into());
        }
        if !self.found.repeated.is_empty() {
            meaning.push(TWICE.into());
        }
        meaning.extend(self.of_unanswered());
        meaning
    }

    /// Whether the leaver still ran when an update came that it did not acknowledge itself.
    fn could_be_taken(&self, entry: &Entry) -> bool {
        entry.from.since(self.ended.signalled) <= self.ended.took
    }

    /// What may have become of updates that came before the leaver's end, and that it did not
    /// acknowledge: only where replicas share their work can it have had them.
    fn perhaps_taken(&self, lost: &[&Entry]) -> String {
        let (count, pattern) = (lost.len(), self.pattern(lost));
        let help = format!(
            "What is taken should come back when its worker goes: delete or acknowledge it after its effect, and not \
             when it is taken; or finish it, or give it back, at {}",
            self.signal
        );
        if self.file.has_queue() {
            let ending = self.ending();
            return format!(
                "{count} of the lost updates were accepted before {LEAVER} had ended. Whether it had taken them, or the \
                 queue still holds them, nobody looked. {pattern}. {ending}. {help}"
            );
        }
        format!(
            "{count} of the lost updates were acknowledged by a replica that went on, before {LEAVER} had ended. Whether a \
             worker in {LEAVER} had taken them nobody looked; it can have where the replicas share a queue or a table. \
             {pattern}. {help}. If they share none: is stop.settle shorter than the work?"
        )
    }

    /// Whether losses lie where those of a shutdown do: with whole updates before them, and
    /// nothing but whole updates after the end.
    fn pattern(&self, lost: &[&Entry]) -> String {
        let Some(first) = lost.iter().map(|entry| entry.to).min() else { return String::new() };
        let others = || self.entries.iter().filter(|entry| entry.ack == Ack::Ok && entry.node != LEAVER);
        let kept = others().filter(|entry| entry.to < first).count();
        let late = others().filter(|entry| !self.could_be_taken(entry)).count();
        let late_lost = self.lost().filter(|entry| entry.node != LEAVER && !self.could_be_taken(entry)).count();
        let times = || lost.iter().map(|entry| self.after_signal(entry));
        let (from, to) = (times().fold(f64::INFINITY, f64::min), times().fold(f64::NEG_INFINITY, f64::max));
        let when = format!("They came {} to {} the signal", relative(from), relative(to));
        if kept > 0 && late > 0 && late_lost == 0 {
            format!(
                "{when}; none of the {kept} before them is lost, and none of the {late} after the end of {LEAVER}: so do \
                 the losses of a shutdown lie"
            )
        } else {
            format!(
                "{when}, with {kept} before them that are not lost, and {late_lost} of {late} after the end of {LEAVER} \
                 that are: the losses of a shutdown do not lie so"
            )
        }
    }

    /// How the leaver ended.
    fn ending(&self) -> String {
        if self.file.stop.signal == Signal::Kill {
            format!("{LEAVER} was killed with no warning")
        } else if self.oom_killed {
            format!("{LEAVER} was killed for want of memory")
        } else if self.overran() {
            format!("{LEAVER} was killed when the grace was over, or never got {}", self.signal)
        } else {
            format!("{LEAVER} ended by itself, within its grace")
        }
    }

    /// What it means that requests got no good answer.
    fn of_unanswered(&self) -> Vec<String> {
        let mut meaning = Vec::new();
        if self.unserved() > 0 {
            meaning.push(format!(
                "{} requests before the signal found no replica ready, by its own word: it is not well, or this machine is \
                 too busy for these figures to mean much",
                self.unserved()
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

    /// Why updates that the leaver acknowledged are lost.
    fn why_lost(&self) -> String {
        if self.file.stop.signal == Signal::Kill {
            "Killed with no warning: what was acknowledged was in memory only. No drain helps here; an intent that is \
             stored with the request (an outbox) does, and stop.restart = true shows whether yours is taken up again"
                .into()
        } else if self.oom_killed {
            "Killed for want of memory: read it as a SIGKILL, not as a shutdown".into()
        } else if self.overran() {
            format!(
                "Killed before the drain ended: either the work takes longer than the grace, or the process never got \
                 {}, as behind a shell that is process 1 (write `exec`), or ignores it",
                self.signal
            )
        } else {
            "Work lost after the answer: the service ended in order, within its grace, and did not wait for the work \
             that answered requests had started. Its exit code tells nothing of it. Wait for that work after the last \
             request (a task tracker, an executor's awaitTermination), or store the intent with the request"
                .into()
        }
    }

    /// Updates that are lost and were all acknowledged by a service that was stopping, where
    /// only the statuses of its answers were read: it may have said no in their bodies.
    fn perhaps_no_promises(&self, lost: &[&Entry]) -> String {
        let by_status = matches!(&self.file.update, Update::Request(request) if request.answer.is_empty());
        if !by_status || lost.iter().any(|entry| self.after_signal(entry) <= 0.0) {
            return String::new();
        }
        format!(
            ". All of them were acknowledged after {}: does the body of such an answer say no, as GraphQL's and JSON-RPC's \
             do? Then request.answer tells them apart",
            self.signal
        )
    }

    fn why_nothing_lost(&self) -> String {
        let (waiting, restart) = (self.waiting, self.file.stop.restart);
        let how = match () {
            () if waiting == 0 => {
                return "Nothing waited for its effect, as the file says: it comes before the answer".into();
            }
            () if self.file.has_queue() => "; how many of them it had taken by then nobody looked",
            () if restart => ", by the service's own shutdown, or after the restart: stop.restart = false tells which",
            () if self.file.stop.signal == Signal::Kill => ", although it was killed: another replica took them up",
            () => ", before it ended, or by another replica",
        };
        format!("All {waiting} updates that waited when {LEAVER} was deleted took effect{how}")
    }
}
