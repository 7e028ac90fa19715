//! The hunt: what earlier nights have found, then random schedules for as long as there is time,
//! and the smallest schedules that still show what is new.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::PathBuf,
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use serde::Serialize;

use super::{
    Coverage, Findings, Night, Outcome, Playable, Record, RunResult, Runner, Schedule, Shard, random,
    shrink::{self, Shrunk, Votes},
};
use reenact_core::{Error, Result};

/// How much of the time is for finding, once something was found: the rest is for
/// shrinking it.
const FINDING: f64 = 0.6;
/// How many runs of how many must show a failure.
const VOTES: Votes = Votes { needed: 2, of: 3 };
/// How often the smallest schedule is run again, to say how flaky it is.
const AGAIN: u32 = 5;

/// How many schedules are drawn for each one that is played, where it is known what was met before.
const CANDIDATES: u8 = 4;

/// The folder of what was found, in a session's.
pub(crate) const FINDINGS: &str = "findings";

/// What to hunt, and for how long.
pub struct Hunt<'a> {
    /// What runs the schedules.
    pub runner: &'a Runner,
    /// The systems, in turn.
    pub systems: Vec<&'static Playable>,
    /// From which every schedule is drawn.
    pub seed: u64,
    /// Which schedules are this machine's.
    pub shard: Shard,
    /// How many run at once.
    pub jobs: usize,
    /// The time in all, from [`Hunt::run`] on.
    pub budget: Duration,
    /// No more than so many schedules.
    pub most: Option<u64>,
    /// What earlier nights have met: of several schedules the one that is least known is taken.
    pub known: Option<Coverage>,
    /// What earlier nights have found: it is run first.
    pub findings: Findings,
}

/// What came of a hunt.
#[derive(Debug, Default)]
pub struct Hunted {
    /// Every run.
    pub results: Vec<RunResult>,
    /// What is new.
    pub new: Vec<Finding>,
    /// What is known now, of this night and of those before it.
    pub findings: Findings,
}

/// A schedule that something does not stand, and the smallest one like it.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The system.
    pub system: String,
    /// The number of the random schedule that showed it; `None`: a plan of an earlier night did.
    pub number: Option<u64>,
    /// What does not hold.
    pub reason: String,
    /// The plan file of the smallest schedule.
    pub plan: PathBuf,
    /// How many of how many of its runs failed alike.
    pub failed: (u32, u32),
    /// How many runs the shrinking took.
    pub runs: u32,
    /// Whether nothing smaller failed; else the time was over.
    pub is_minimal: bool,
}

/// A schedule to run.
struct Trial {
    playable: &'static Playable,
    schedule: Schedule,
    /// The name of the finding whose plan it is; `None`: it was drawn.
    of: Option<String>,
    /// The run's id and number.
    id: String,
    number: u64,
}

/// A failure that is still to be shrunk.
struct Failure {
    trial: Trial,
    reason: String,
}

/// What this night has seen so far.
struct Tonight<'s> {
    session: &'s str,
    results: Vec<RunResult>,
    findings: Findings,
    failures: Vec<Failure>,
    /// One failure of each kind is enough to shrink.
    signatures: BTreeSet<(&'static str, String)>,
}

impl Hunt<'_> {
    /// Runs what earlier nights have found, hunts until the time is over, and hands over each
    /// result as it comes.
    ///
    /// # Errors
    /// [`Error::Bug`] if no schedule can be drawn, [`Error::File`] if a plan cannot be kept.
    pub async fn run(&self, mut told: impl FnMut(&RunResult)) -> Result<Hunted> {
        let begun = Instant::now();
        let tonight = RefCell::new(Tonight::new(self.runner.session.id(), self.findings.clone()));
        let is_over = || {
            let share = if tonight.borrow().failures.is_empty() { 1.0 } else { FINDING };
            begun.elapsed() > self.budget.mul_f64(share)
        };
        let mut seen = |trial: Trial, result: RunResult| {
            told(&result);
            tonight.borrow_mut().see(trial, result);
        };
        self.play(self.owed().into_iter().take_while(|_| !is_over()).map(Ok), &mut seen).await?;
        let mut known = self.known.clone();
        let drawn = self.numbers().take_while(|_| !is_over()).map(|number| self.drawn(number, &mut known));
        self.play(drawn, &mut seen).await?;
        let Tonight { results, failures, mut findings, .. } = tonight.into_inner();
        let mut new = Vec::new();
        for failure in failures {
            new.push(self.shrunk(failure, &mut findings, begun + self.budget).await?);
        }
        self.keep(&findings)?;
        Ok(Hunted { results, new, findings })
    }

    /// The plans of earlier nights that are this shard's, each so often as it is owed.
    fn owed(&self) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (name, schedule, runs) in self.findings.owed(&self.systems, self.shard) {
            let Some(playable) = self.systems.iter().find(|playable| playable.system == schedule.system) else {
                continue;
            };
            let short = name.strip_prefix(&format!("{}-", playable.system)).unwrap_or(&name);
            let id = format!("{}::finding.{short}", playable.system);
            trials.extend((1..=u64::from(runs)).map(|number| Trial {
                playable,
                schedule: schedule.clone(),
                of: Some(name.clone()),
                id: id.clone(),
                number,
            }));
        }
        trials
    }

    /// The numbers of this shard's schedules, for ever.
    fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let (shard, most) = (self.shard, self.most.unwrap_or(u64::MAX));
        (0..most).filter(move |index| shard.has(*index))
    }

    /// Draws the schedule of that number. The same seed, map and numbers before it draw the same.
    fn drawn(&self, number: u64, known: &mut Option<Coverage>) -> Result<Trial> {
        // Every shard meets every system.
        let turn = number / u64::from(self.shard.of);
        let playable = self.systems[turn as usize % self.systems.len()];
        let schedule = match known {
            None => random::schedule(playable, self.seed, number)?,
            Some(known) => {
                let all: Result<Vec<_>> =
                    (0..CANDIDATES).map(|at| random::candidate(playable, self.seed, number, at)).collect();
                known.take_least_known(all?).ok_or_else(|| Error::Bug("no candidate was drawn".into()))?
            }
        };
        Ok(Trial { playable, schedule, of: None, id: format!("{}::random", playable.system), number })
    }

    async fn play(
        &self,
        trials: impl Iterator<Item = Result<Trial>>,
        mut seen: impl FnMut(Trial, RunResult),
    ) -> Result<()> {
        let runs = stream::iter(trials).map(|trial| async {
            let trial = trial?;
            let result = self.runner.play(&trial.id, trial.number, &trial.schedule, trial.playable).await?;
            Ok::<_, Error>((trial, result))
        });
        let mut runs = pin!(runs.buffer_unordered(self.jobs.max(1)));
        while let Some(run) = runs.next().await {
            let (trial, result) = run?;
            seen(trial, result);
        }
        Ok(())
    }

    /// Shrinks a failure, counts how often the smallest schedule shows it, and keeps that.
    async fn shrunk(&self, failure: Failure, findings: &mut Findings, end: Instant) -> Result<Finding> {
        let Failure { trial: Trial { playable, schedule, of, id, number }, reason } = failure;
        let wanted = shrink::signature(&reason);
        let (id, count) = (format!("{id}.{number}.shrunk"), AtomicU32::new(0));
        let run = |schedule: Schedule| {
            let (id, count) = (&id, &count);
            async move {
                let run = count.fetch_add(1, Ordering::Relaxed) + 1;
                let result = self.runner.play(id, run.into(), &schedule, playable).await.ok()?;
                failure_of(&result).map(|reason| shrink::signature(&reason))
            }
        };
        let goes_on = || Instant::now() < end;
        let mut shrunk = shrink::shrink(schedule, &wanted, VOTES, goes_on, &run).await;
        let (mut failed, mut ran) = (0, 0);
        while ran < AGAIN && goes_on() {
            ran += 1;
            failed += u32::from(run(shrunk.schedule.clone()).await.as_ref() == Some(&wanted));
        }
        if ran > 0 {
            shrunk.failed = (failed, ran);
        }
        let Shrunk { schedule, failed: (failed, ran), runs, is_minimal } = shrunk;
        let night = Night { session: self.runner.session.id().into(), failed, of: ran, met: 1 };
        let record = Record { reason: reason.clone(), is_minimal, first_bad: None, nights: vec![night] };
        let name = findings.add(Schedule { finding: Some(record), ..schedule });
        self.keep(findings)?;
        let plan = self.folder().join(format!("{name}.toml"));
        let number = of.is_none().then_some(number);
        Ok(Finding { system: playable.system.into(), number, reason, plan, failed: (failed, ran), runs, is_minimal })
    }

    fn folder(&self) -> PathBuf {
        self.runner.session.results().join(FINDINGS)
    }

    /// Keeps what this night has seen in the session's folder: a shard's moves, and a night's are merged.
    fn keep(&self, findings: &Findings) -> Result<()> {
        findings.of(self.runner.session.id()).save(&self.folder())
    }
}

impl<'s> Tonight<'s> {
    fn new(session: &'s str, findings: Findings) -> Self {
        Self { session, results: Vec::new(), findings, failures: Vec::new(), signatures: BTreeSet::new() }
    }

    fn see(&mut self, trial: Trial, result: RunResult) {
        let (failure, has_verdict) = (failure_of(&result), matches!(result.outcome, Outcome::Pass | Outcome::Fail));
        self.results.push(result);
        let findings = &mut self.findings;
        if let Some(record) = trial.of.as_ref().filter(|_| has_verdict).and_then(|name| findings.record(name)) {
            let shows = failure.as_deref().is_some_and(|reason| record.is_shown_by(reason));
            let night = record.tonight(self.session);
            night.of += 1;
            night.failed += u32::from(shows);
            if shows {
                return;
            }
        }
        let Some(reason) = failure else { return };
        if let Some(name) = findings.that_is(&trial.schedule, &reason).map(str::to_owned) {
            findings.record(&name).into_iter().for_each(|record| record.tonight(self.session).met += 1);
        } else if self.signatures.insert((trial.playable.system, shrink::signature(&reason))) {
            self.failures.push(Failure { trial, reason });
        }
    }
}

/// Why a run failed, if it did.
fn failure_of(result: &RunResult) -> Option<String> {
    result.reason.clone().filter(|_| result.outcome == Outcome::Fail)
}

#[cfg(test)]
mod tests;
