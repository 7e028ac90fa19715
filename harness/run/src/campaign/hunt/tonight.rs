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
use reenact_core::Result;

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
            Coverage::load(path)?.united(&Coverage::of(std::slice::from_ref(&result))).save(path)?;
        }
        let has_learnt = self.learn(trial, &result);
        self.results.push(result);
        if has_learnt { self.keep() } else { Ok(()) }
    }

    /// Counts what is known, and puts down what is new. Says whether either was.
    fn learn(&mut self, trial: Trial, result: &RunResult) -> bool {
        let failure = failure_of(result);
        let has_verdict = matches!(result.outcome, Outcome::Pass | Outcome::Fail);
        let mut has_learnt = false;
        if let Some(record) = trial.of.as_ref().filter(|_| has_verdict).and_then(|name| self.findings.record(name)) {
            let shows = failure.as_deref().is_some_and(|reason| record.is_shown_by(reason));
            let night = record.tonight(self.session);
            night.of += 1;
            night.failed += u32::from(shows);
            has_learnt = true;
            if shows {
                return true;
            }
        }
        let Some(reason) = failure else { return has_learnt };
        if let Some(name) = self.findings.that_is(&trial.schedule, &reason).map(str::to_owned) {
            self.findings.record(&name).into_iter().for_each(|record| record.tonight(self.session).met += 1);
        } else if self.signatures.insert((trial.playable.system, shrink::signature(&reason))) {
            let name = self.put_down(&trial.schedule, &reason);
            self.failures.push(Failure { trial, reason, name });
        } else {
            return has_learnt;
        }
        true
    }

    /// A failure that is new, as large as it was met.
    fn put_down(&mut self, schedule: &Schedule, reason: &str) -> String {
        let night = Night { session: self.session.into(), met: 1, ..Night::default() };
        let record = Record { reason: reason.into(), is_minimal: false, first_bad: None, nights: vec![night] };
        self.findings.add(Schedule { finding: Some(record), ..schedule.clone() })
    }

    /// Puts a smaller schedule that shows it in the place of a failure's, and keeps it.
    pub fn replace(&mut self, failure: &mut Failure, smaller: &Shrunk) -> Result<()> {
        let met = self.findings.record(&failure.name).map_or(1, |record| record.tonight(self.session).met);
        let Shrunk { schedule, failed: (failed, of), is_minimal, .. } = smaller.clone();
        let night = Night { session: self.session.into(), failed, of, met };
        let record = Record { reason: failure.reason.clone(), is_minimal, first_bad: None, nights: vec![night] };
        self.findings.remove(&failure.name);
        let name = self.findings.add(Schedule { finding: Some(record), ..schedule });
        self.keep()?;
        let larger = std::mem::replace(&mut failure.name, name);
        if larger == failure.name {
            return Ok(());
        }
        self.folders().try_for_each(|folder| Findings::forget(folder, &larger, self.session))
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
