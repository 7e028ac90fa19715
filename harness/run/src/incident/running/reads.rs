//! What the clients read, held against what the system promises.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reenact_core::{Error, Result, judge::Findings};
use reenact_history::{History, Interval, Stale, Verdict, stale_reads};

use super::{InForce, Run, System};
use crate::incident::{How, Promise};

/// How long a search for an order of the clients' reads may take. Their keys are written once,
/// so none is needed.
const ORDER_LIMIT: Duration = Duration::from_secs(10);
/// So many misread writes are told with their reads.
const TOLD: usize = 3;

/// Who was cut off from a majority of the voters by faults that are healed, and when.
#[derive(Default)]
pub(super) struct Minorities(Mutex<Vec<Interval>>);

impl Minorities {
    pub(super) fn ends(&self, intervals: Vec<Interval>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(intervals);
    }

    fn so_far(&self) -> Vec<Interval> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: System> Run<S> {
    /// Whom a fault leaves in a minority, from the moment of its proof until now.
    pub(super) fn cut_off_by(&self, fault: &InForce<S>) -> Vec<Interval> {
        let nodes = fault.active.leaves_in_a_minority(&self.system.voters());
        let (from, to) = (fault.since.0, self.lab.now().0);
        nodes.into_iter().map(|node| Interval { node: node.into(), from, to }).collect()
    }

    /// Holds what the clients read against what the system promises. What a minority served is told apart.
    pub(super) async fn check_reads(&self, promise: &Promise, found: &mut Findings) -> Result<()> {
        let history = self.lab.ledger().history()?;
        found.reads = history.reads();
        self.check_minorities(&history, found).await;
        match promise.reads.check(&history, ORDER_LIMIT) {
            Verdict::Holds => {}
            Verdict::Violated(violations) => {
                for violation in violations.iter().take(TOLD) {
                    self.lab.record("misread", violation.to_string());
                }
                found.misread.extend(violations.iter().filter_map(|violation| violation.key.parse::<u64>().ok()));
            }
            // That some were misread is known all the same.
            Verdict::Unknown { .. } if !found.misread.is_empty() => {}
            Verdict::Unknown { why } => {
                return Err(Error::inconclusive(format!("whether reads are {} cannot be told: {why}", promise.reads)));
            }
        }
        Ok(())
    }

    /// Who is in a minority may refuse, and serves nothing that the majority has left behind.
    async fn check_minorities(&self, history: &History, found: &mut Findings) {
        let mut intervals = self.minorities.so_far();
        intervals.extend(self.active.lock().await.iter().flat_map(|fault| self.cut_off_by(fault)));
        let stale = stale_reads(history, Some(&intervals));
        for Stale { read, missed } in stale.iter().take(TOLD) {
            let (node, key) = (&read.node, &read.key);
            self.lab
                .record("misread", format!("key \"{key}\": {node}, in a minority, served: {read}, after: {missed}"));
        }
        found.misread.extend(stale.iter().filter_map(|stale| stale.read.key.parse::<u64>().ok()));
    }

    /// Whether a diagnosis takes the system's promise back. An incident names those that are true in it. In a
    /// schedule any may be, so there it must have been made.
    pub(crate) fn may_misread(&self, how: &How<S>) -> bool {
        let Some(promise) = self.system.promise() else { return false };
        match how {
            How::AsDiagnosed(_) => {
                let made = self.lab.episodes();
                promise.is_taken_back_by(made.iter().map(|episode| episode.detector.as_str()))
            }
            _ => promise.is_taken_back_by(self.lab.expected().iter().copied()),
        }
    }
}
