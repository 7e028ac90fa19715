//! The hunt: random schedules for as long as there is time, and the smallest schedules that
//! still show what was found.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use serde::Serialize;

use super::{
    Coverage, Outcome, Playable, RunResult, Runner, Schedule, Shard, random,
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

/// The folder of the smallest schedules, in a session's.
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
}

/// A schedule that something does not stand, and the smallest one like it.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The system.
    pub system: String,
    /// The number of the random schedule that showed it.
    pub number: u64,
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

/// A failure that is still to be shrunk.
struct Found {
    playable: &'static Playable,
    number: u64,
    schedule: Schedule,
    reason: String,
}

impl Hunt<'_> {
    /// Hunts until the time is over, and hands over each result as it comes.
    ///
    /// # Errors
    /// [`Error::Bug`] if no schedule can be drawn, [`Error::File`] if a plan cannot be kept.
    pub async fn run(&self, mut told: impl FnMut(&RunResult)) -> Result<(Vec<RunResult>, Vec<Finding>)> {
        let begun = Instant::now();
        let (results, found) = self.find(begun, &mut told).await?;
        let mut findings = Vec::new();
        for one in found {
            findings.push(self.shrunk(one, begun + self.budget).await?);
        }
        Ok((results, findings))
    }

    /// The numbers of this shard's schedules, for ever.
    fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let Shard { number, of } = self.shard;
        let most = self.most.unwrap_or(u64::MAX);
        (0..most).filter(move |index| index % u64::from(of) == u64::from(number - 1))
    }

    /// Draws the schedule of that number. The same seed, map and numbers before it draw the same.
    fn drawn(&self, number: u64, known: &mut Option<Coverage>) -> Result<(&'static Playable, Schedule)> {
        // Every shard meets every system.
        let turn = number / u64::from(self.shard.of);
        let playable = self.systems[turn as usize % self.systems.len()];
        let Some(known) = known else { return Ok((playable, random::schedule(playable, self.seed, number)?)) };
        let all: Result<Vec<_>> =
            (0..CANDIDATES).map(|at| random::candidate(playable, self.seed, number, at)).collect();
        let best = known.take_least_known(all?).ok_or_else(|| Error::Bug("no candidate was drawn".into()))?;
        Ok((playable, best))
    }

    async fn find(&self, begun: Instant, told: &mut impl FnMut(&RunResult)) -> Result<(Vec<RunResult>, Vec<Found>)> {
        let some_found = std::cell::Cell::new(false);
        let is_over = || begun.elapsed() > self.budget.mul_f64(if some_found.get() { FINDING } else { 1.0 });
        let mut known = self.known.clone();
        let drawn = self.numbers().take_while(|_| !is_over()).map(|number| (number, self.drawn(number, &mut known)));
        let runs = stream::iter(drawn).map(|(number, drawn)| async move {
            let (playable, schedule) = drawn?;
            let result = self.runner.play(&format!("{}::random", playable.system), number, &schedule, playable).await?;
            Ok::<_, Error>((playable, number, schedule, result))
        });
        let mut runs = std::pin::pin!(runs.buffer_unordered(self.jobs.max(1)));
        let (mut results, mut found, mut signatures) = (Vec::new(), Vec::new(), BTreeSet::new());
        while let Some(run) = runs.next().await {
            let (playable, number, schedule, result) = run?;
            told(&result);
            if let (Outcome::Fail, Some(reason)) = (result.outcome, result.reason.clone()) {
                some_found.set(true);
                // One of each kind is enough to shrink.
                if signatures.insert((playable.system, shrink::signature(&reason))) {
                    found.push(Found { playable, number, schedule, reason });
                }
            }
            results.push(result);
        }
        Ok((results, found))
    }

    /// Shrinks a failure, counts how often the smallest schedule shows it, and keeps that
    /// as a plan file.
    async fn shrunk(&self, found: Found, end: Instant) -> Result<Finding> {
        let Found { playable, number, schedule, reason } = found;
        let wanted = shrink::signature(&reason);
        let count = AtomicU32::new(0);
        let run = |schedule: Schedule| {
            let (id, count) = (format!("{}::random.{number}.shrunk", playable.system), &count);
            async move {
                let run = count.fetch_add(1, Ordering::Relaxed) + 1;
                let result = self.runner.play(&id, run.into(), &schedule, playable).await.ok()?;
                result.reason.filter(|_| result.outcome == Outcome::Fail).map(|reason| shrink::signature(&reason))
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
        let plan = self.keep(playable.system, number, &reason, &shrunk)?;
        let Shrunk { failed, runs, is_minimal, .. } = shrunk;
        Ok(Finding { system: playable.system.into(), number, reason, plan, failed, runs, is_minimal })
    }

    fn keep(&self, system: &str, number: u64, reason: &str, shrunk: &Shrunk) -> Result<PathBuf> {
        let folder = self.runner.session.results().join(FINDINGS);
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        // Without its folder: a shard's moves, and a night's are merged.
        let name = format!("{system}-{number}.toml");
        let path = folder.join(&name);
        let (failed, ran) = shrunk.failed;
        let size = if shrunk.is_minimal { "nothing smaller fails alike" } else { "the time was over" };
        let why: String = reason.lines().map(|line| format!("# {line}\n")).collect();
        let text = format!(
            "{why}# Schedule {number} of the seed {}; {failed} of {ran} runs of this plan fail so; {size}.\n\
             # reenact replay {name}\n\n{}",
            self.seed,
            shrunk.schedule.to_toml()?
        );
        fs::write(&path, text).map_err(Error::file("write", &path))?;
        Ok(path)
    }
}
