//! The overdue rows of one instance: the diagnoses exclude each other because an
//! instance's rows are in one state only.

use std::time::Duration;

use super::{
    instance::Instance,
    log::Keeps,
    reconcile::{Reconciliation, Unmatched},
    run::{End, Explains, Run},
};

/// Rows of which none was done for the age limit and this long, while somebody could
/// have, are stuck. The limit is longer than a place in the queue and the work take; an
/// attempt at a database that is away takes up to 2 s (`DATABASE_LIMIT_MS`).
pub const ATTEMPT: Duration = Duration::from_secs(2);

/// What is the matter with an instance's overdue rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There are none, or they will be done.
    Fine,
    /// The end of the instance took along who would have done them.
    Lost(Vec<String>),
    /// They are kept durably, and nobody runs who would take them up.
    Stalled(Vec<String>),
    /// Somebody runs who should do them, and none is done.
    Stuck(Vec<String>),
    /// It cannot be told, and why.
    Untold(String),
}

/// The overdue rows of one instance.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'v> {
    instance: Instance<'v>,
    /// All instances, this one too.
    all: &'v [Instance<'v>],
    rows: Unmatched,
    seen: &'v Reconciliation,
}

impl<'v> Rows<'v> {
    pub fn new(instance: Instance<'v>, all: &'v [Instance<'v>], seen: &'v Reconciliation) -> Self {
        Self { instance, all, rows: seen.unmatched(instance.name), seen }
    }

    /// What is the matter with them.
    pub fn state(&self) -> State {
        if self.rows.overdue == 0 {
            return State::Fine;
        }
        for (run, end) in self.instance.ended_runs() {
            match run.explains(self.rows, self.seen.age_limit_ms) {
                Explains::Nothing => {}
                Explains::Unclear => return self.untold("how many were overdue before its end is not known"),
                Explains::AllBut(others) => match run.keeps {
                    Some(Keeps::InMemory) => return State::Lost(self.lost(run, end, others)),
                    // What nobody had claimed is there still, and will be done.
                    Some(Keeps::UntilClaimed) if run.in_memory().is_ok_and(|works| !works.is_empty()) => {
                        return State::Lost(self.lost(run, end, others));
                    }
                    Some(Keeps::UntilClaimed | Keeps::UntilDone) => {}
                    None => return self.left_alone(run, end, others),
                },
            }
        }
        self.pending()
    }

    /// Where the log does not say whether intents are kept: they are not, if they are
    /// not taken up by another who could.
    fn left_alone(&self, run: &Run, end: End, others: u64) -> State {
        let workers: Vec<_> = self.all.iter().copied().filter(Instance::works).collect();
        if workers.is_empty() {
            return self.untold("whether they are kept durably is not known, and nobody works who would take them up");
        }
        if self.instance.unmoved(workers) < self.stuck_after() {
            return State::Fine;
        }
        State::Lost(self.lost(run, end, others))
    }

    /// The rows that no end has taken.
    fn pending(&self) -> State {
        let Some(runs) = self.instance.runs() else { return self.untold("whether it runs is not known") };
        let kept = self.instance.keeps().is_some_and(|keeps| keeps != Keeps::InMemory);
        let workers: Vec<_> = self.all.iter().copied().filter(|other| self.may_do_them(other, kept)).collect();
        if kept && workers.is_empty() {
            return match self.all.iter().find(|other| other.runs().is_none()) {
                Some(other) => self.untold(&format!("whether {} runs is not known", other.name)),
                // A deployment with one replica: the next one comes.
                None if self.all.iter().any(Instance::is_stopping) => State::Fine,
                None => State::Stalled(self.stalled()),
            };
        }
        if (self.instance.is_stopping() && !kept) || self.instance.unmoved(workers) < self.stuck_after() {
            return State::Fine;
        }
        State::Stuck(self.stuck(runs))
    }

    /// Whether another instance may do the rows' work: who knows them in memory alone
    /// must do it itself.
    fn may_do_them(&self, other: &Instance<'_>, kept: bool) -> bool {
        let shares = other.name == self.instance.name || (kept && other.keeps() != Some(Keeps::InMemory));
        shares && other.works()
    }

    fn stuck_after(&self) -> Duration {
        Duration::from_millis(self.seen.age_limit_ms.unsigned_abs()) + ATTEMPT
    }

    fn untold(&self, why: &str) -> State {
        State::Untold(format!("{}: {} rows are overdue: {why}", self.instance.name, self.rows.overdue))
    }

    fn line(&self, text: &str) -> String {
        format!("{}: {text}", self.instance.name)
    }

    fn count(&self) -> String {
        let (rows, limit) = (self.rows.overdue, self.seen.age_limit_ms);
        self.line(&format!("{rows} rows are without their effect and older than {limit} ms"))
    }

    fn lost(&self, run: &Run, end: End, others: u64) -> Vec<String> {
        let before = |row_ms: i64| (end.finished_ms - row_ms) as f64 / 1000.0;
        let (oldest, newest) = (before(self.rows.first_ms), before(self.rows.last_ms));
        let mut lines = vec![
            self.count(),
            self.line(&format!(
                "they were created within {:.2} s, from {oldest:.2} s to {newest:.2} s before its machine finished",
                oldest - newest
            )),
            self.line(&exit_line(end)),
        ];
        if others > 0 {
            lines.push(self.line(&format!("{others} of them were overdue, or had failed, before its end")));
        }
        if run.keeps == Some(Keeps::UntilClaimed) {
            let claimed = run.in_memory().unwrap_or_default().join(", ");
            lines.push(
                self.line(&format!("its intents are gone once they are claimed: {claimed}; a restart does the rest")),
            );
        }
        lines
    }

    fn stalled(&self) -> Vec<String> {
        vec![
            self.count(),
            self.line("their intents are kept until the work is done: nothing is lost, and a restart is enough"),
            format!("none of {} instances runs that would take them up", self.all.len()),
        ]
    }

    fn stuck(&self, runs: bool) -> Vec<String> {
        let state = match runs {
            true if self.instance.is_paused() => "its machine is paused",
            true => "it runs",
            false => "it does not run, and they were overdue before its end",
        };
        let age = (self.seen.now_ms - self.rows.first_ms) as f64 / 1000.0;
        let none =
            format!("none of them was done for {} s; the oldest is {age:.1} s old", self.stuck_after().as_secs());
        vec![self.count(), self.line(&none), self.line(state)]
    }
}

/// How the machine finished.
pub fn exit_line(end: End) -> String {
    match end.exit_code {
        None => "it has started again; its exit code was not seen".into(),
        Some(code @ (0 | 143)) => {
            format!("exit code {code}, which proves nothing: with and without a loss it is the same")
        }
        Some(137) if end.oom_killed => "exit code 137: SIGKILL, by the kernel, for want of memory".into(),
        Some(137) => "exit code 137: SIGKILL, after its grace or without any".into(),
        Some(code) => format!("exit code {code}"),
    }
}
