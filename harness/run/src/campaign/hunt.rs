//! The hunt: what earlier nights have found, then random schedules for as long as there is time,
//! and the smallest schedules that still show what is new.

mod tonight;

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use serde::Serialize;

use super::{
    Coverage, Findings, Outcome, Playable, RunResult, Runner, Schedule, Shard, random,
    shrink::{self, Shrunk, Votes},
};
use reenact_core::{Error, Result};
use tonight::Tonight;

pub(crate) use tonight::FINDINGS;
pub use tonight::Memory;

/// How much of the time is for finding, once something was found: the rest is for
/// shrinking it.
const FINDING: f64 = 0.6;
/// How many runs of how many must show a failure.
const VOTES: Votes = Votes { needed: 2, of: 3 };
/// How often the smallest schedule is run again, to say how flaky it is.
const AGAIN: u32 = 5;

/// How many schedules are drawn for each one that is played, where it is known what was met before.
pub(super) const CANDIDATES: u8 = 4;

/// Who plays schedules: a [`Runner`], on real software.
pub trait Player {
    /// Plays a schedule once, under a run's id and number.
    ///
    /// # Errors
    /// [`Error::Usage`] for a fault that the system does not know. However the run ends is no error.
    fn play(
        &self,
        id: &str,
        run: u64,
        schedule: &Schedule,
        playable: &Playable,
    ) -> impl Future<Output = Result<RunResult>>;

    /// The id of its session.
    fn session(&self) -> &str;

    /// The session's folder.
    fn results(&self) -> &Path;
}

impl Player for Runner {
    async fn play(&self, id: &str, run: u64, schedule: &Schedule, playable: &Playable) -> Result<RunResult> {
        Runner::play(self, id, run, schedule, playable).await
    }

    fn session(&self) -> &str {
        self.session.id()
    }

    fn results(&self) -> &Path {
        self.session.results()
    }
}

/// What to hunt, and for how long.
pub struct Hunt<'a, P = Runner> {
    /// Who plays the schedules.
    pub player: &'a P,
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
    /// Where nights keep both, which learn at once.
    pub memory: Memory,
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
    /// The name under which it is kept until it is shrunk.
    name: String,
}

impl<P: Player> Hunt<'_, P> {
    /// Runs what earlier nights have found, hunts until the time is over, and hands over each
    /// result as it comes.
    ///
    /// # Errors
    /// [`Error::Bug`] if no schedule can be drawn, [`Error::File`] if a plan cannot be kept.
    pub async fn run(&self, mut told: impl FnMut(&RunResult)) -> Result<Hunted> {
        let begun = Instant::now();
        let tonight = RefCell::new(Tonight::new(self.player, &self.memory, self.findings.clone()));
        let is_over = || {
            let share = if tonight.borrow().failures.is_empty() { 1.0 } else { FINDING };
            begun.elapsed() > self.budget.mul_f64(share)
        };
        let mut seen = |trial: Trial, result: RunResult| {
            told(&result);
            tonight.borrow_mut().see(trial, result)
        };
        self.play(self.owed().into_iter().take_while(|_| !is_over()).map(Ok), &mut seen).await?;
        let mut known = self.known.clone();
        let drawn = self.numbers().take_while(|_| !is_over()).map(|number| self.drawn(number, &mut known));
        self.play(drawn, &mut seen).await?;
        let mut tonight = tonight.into_inner();
        let mut new = Vec::new();
        for failure in std::mem::take(&mut tonight.failures) {
            new.push(self.shrunk(failure, &mut tonight, begun + self.budget).await?);
        }
        Ok(Hunted { results: tonight.results, new, findings: tonight.findings })
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
    fn numbers(&self) -> impl Iterator<Item = u64> + use<P> {
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
        mut seen: impl FnMut(Trial, RunResult) -> Result<()>,
    ) -> Result<()> {
        let runs = stream::iter(trials).map(|trial| async {
            let trial = trial?;
            let result = self.player.play(&trial.id, trial.number, &trial.schedule, trial.playable).await?;
            Ok::<_, Error>((trial, result))
        });
        let mut runs = pin!(runs.buffer_unordered(self.jobs.max(1)));
        while let Some(run) = runs.next().await {
            let (trial, result) = run?;
            seen(trial, result)?;
        }
        Ok(())
    }

    /// Shrinks a failure, counts how often the smallest schedule shows it, and keeps that.
    async fn shrunk(&self, mut failure: Failure, tonight: &mut Tonight<'_>, end: Instant) -> Result<Finding> {
        let (playable, schedule) = (failure.trial.playable, failure.trial.schedule.clone());
        let wanted = shrink::signature(&failure.reason);
        let (id, count) = (format!("{}.{}.shrunk", failure.trial.id, failure.trial.number), AtomicU32::new(0));
        let run = |schedule: Schedule| {
            let (id, count) = (&id, &count);
            async move {
                let run = count.fetch_add(1, Ordering::Relaxed) + 1;
                let result = self.player.play(id, run.into(), &schedule, playable).await.ok()?;
                failure_of(&result).map(|reason| shrink::signature(&reason))
            }
        };
        let goes_on = || Instant::now() < end;
        let kept = |smaller: &Shrunk| tonight.replace(&mut failure, smaller);
        let mut shrunk = shrink::shrink(schedule, &wanted, VOTES, goes_on, &run, kept).await?;
        let (mut failed, mut ran) = (0, 0);
        while ran < AGAIN && goes_on() {
            ran += 1;
            failed += u32::from(run(shrunk.schedule.clone()).await.as_ref() == Some(&wanted));
        }
        if ran > 0 {
            shrunk.failed = (failed, ran);
        }
        tonight.replace(&mut failure, &shrunk)?;
        let Failure { trial: Trial { of, number, .. }, reason, name } = failure;
        let (plan, number) =
            (self.player.results().join(FINDINGS).join(format!("{name}.toml")), of.is_none().then_some(number));
        let Shrunk { failed, runs, is_minimal, .. } = shrunk;
        Ok(Finding { system: playable.system.into(), number, reason, plan, failed, runs, is_minimal })
    }
}

/// Why a run failed, if it did.
fn failure_of(result: &RunResult) -> Option<String> {
    result.reason.clone().filter(|_| result.outcome == Outcome::Fail)
}

#[cfg(test)]
mod tests;
