//! What a night has seen so far, which is kept at once: whatever ends the campaign, it is there.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{Failure, Player, Trial, failure_of};
use crate::campaign::{
    Coverage, Findings, Night, Outcome, Record, RunResult, Schedule,
    shrink::{self, Shrunk},
};
use reenact_core::{Error, Result};

/// The folder of what was found, in a session's.
pub(crate) const FINDINGS: &str = "findings";

/// What nights share, and learn at once. A shard whose results move as a whole has none of it:
/// whoever merges the shards adds it.
#[derive(Debug, Default, Clone)]
pub struct Memory {
    /// The folder of findings.
    pub findings: Option<PathBuf>,
    /// The map of what schedules have met.
    pub coverage: Option<PathBuf>,
}

/// What this night has seen so far.
pub(super) struct Tonight<'h> {
    session: &'h str,
    /// The session's own folder of findings.
    folder: PathBuf,
    memory: &'h Memory,
    pub results: Vec<RunResult>,
    pub findings: Findings,
    /// What is still to be shrunk.
    pub failures: Vec<Failure>,
    /// One failure of each kind is enough to shrink.
    signatures: BTreeSet<(&'static str, String)>,
}

impl<'h> Tonight<'h> {
    pub fn new(player: &'h impl Player, memory: &'h Memory, findings: Findings) -> Self {
        let (session, folder) = (player.session(), player.results().join(FINDINGS));
        let (results, failures, signatures) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { session, folder, memory, results, findings, failures, signatures }
    }

    /// Takes a result in, and keeps what it tells.
    pub fn see(&mut self, trial: Trial, result: RunResult) -> Result<()> {
        if let Some(path) = &self.memory.coverage {
            Coverage::of(std::slice::from_ref(&result)).add_to(path)?;
        }
        let has_learnt = self.learn(trial, &result);
        self.results.push(result);
        if has_learnt { self.keep() } else { Ok(()) }
    }

    /// Counts what is known, and puts down what is to be shrunk. Says whether either was.
    fn learn(&mut self, trial: Trial, result: &RunResult) -> bool {
        let failure = failure_of(result);
        let counted = self.count(&trial, result.outcome, failure.as_deref());
        let Some(reason) = failure else { return counted.is_some() };
        let kind = (trial.playable.system, shrink::signature(&reason));
        if let (Some(true), Some(name)) = (counted, trial.of.clone()) {
            // A night that was stopped has left it as large as it was met.
            let is_large = self.findings.record(&name).is_some_and(|record| !record.is_minimal);
            if is_large && self.signatures.insert(kind) {
                self.failures.push(Failure { trial, reason, name });
            }
        } else if let Some(name) = self.findings.that_is(&trial.schedule, &reason).map(str::to_owned) {
            self.findings.record(&name).into_iter().for_each(|record| record.tonight(self.session).met += 1);
        } else if self.signatures.insert(kind) {
            let name = self.put_down(&trial.schedule, &reason);
            self.failures.push(Failure { trial, reason, name });
        } else {
            return counted.is_some();
        }
        true
    }

    /// Counts a run of a known plan that came to a verdict, and says whether it shows the finding.
    fn count(&mut self, trial: &Trial, outcome: Outcome, failure: Option<&str>) -> Option<bool> {
        let has_verdict = matches!(outcome, Outcome::Pass | Outcome::Fail);
        let record = self.findings.record(trial.of.as_ref().filter(|_| has_verdict)?)?;
        let shows = failure.is_some_and(|reason| record.is_shown_by(reason));
        let night = record.tonight(self.session);
        night.of += 1;
        night.failed += u32::from(shows);
        Some(shows)
    }

    /// A failure that is new, as large as it was met.
    fn put_down(&mut self, schedule: &Schedule, reason: &str) -> String {
        let night = Night { session: self.session.into(), met: 1, ..Night::default() };
        let record = Record { reason: reason.into(), is_minimal: false, first_bad: None, nights: vec![night] };
        self.findings.add(Schedule { finding: Some(record), ..schedule.clone() })
    }

    /// Puts a smaller schedule that shows it in the place of a failure's, with all of its nights, and keeps it.
    pub fn replace(&mut self, failure: &mut Failure, smaller: &Shrunk) -> Result<()> {
        let Shrunk { schedule, failed: (failed, of), is_minimal, .. } = smaller.clone();
        let known = self.findings.remove(&failure.name).and_then(|plan| plan.finding);
        let mut record = known.ok_or_else(|| Error::Bug(format!("{} was not put down", failure.name)))?;
        record.is_minimal = is_minimal;
        let night = record.tonight(self.session);
        (night.failed, night.of) = (failed, of);
        let name = self.findings.add(Schedule { finding: Some(record.clone()), ..schedule });
        self.keep()?;
        let larger = std::mem::replace(&mut failure.name, name);
        if larger == failure.name {
            return Ok(());
        }
        self.folders().try_for_each(|folder| Findings::forget(folder, &larger, &record))
    }

    /// Keeps what this night has seen in the session's folder, for a shard's moves as a whole, and
    /// where nights share it.
    fn keep(&self) -> Result<()> {
        let tonight = self.findings.of(self.session);
        tonight.save(&self.folder)?;
        self.memory.findings.as_ref().map_or(Ok(()), |folder| tonight.keep(folder).map(drop))
    }

    fn folders(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.folder), self.memory.findings.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }
}
