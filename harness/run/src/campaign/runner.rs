//! Runs scenarios: each with its limit, its evidence and its clean-up.

use std::{collections::BTreeSet, convert::identity, fs, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};

use super::{Admission, Playable, RunResult, Scenario, Schedule};
use crate::{
    contract::{Proof, Step},
    drill::Exercise,
    lab::{Lab, Plan},
    machine,
    score::Score,
};
use reenact_core::{Error, Result, progress};
use reenact_testbed::{Session, Testbed};

/// The schedule of a run that played one.
pub(super) const PLAN: &str = "plan.toml";

/// How long keeping the evidence and cleaning up may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(60);

/// How long after its own limit a trial is cut off.
const TRIAL_HANGS: Duration = Duration::from_secs(5);

/// One run to be done.
struct Work {
    id: String,
    run: u32,
    seed: u64,
    limit: Duration,
    expected: Vec<&'static str>,
}

/// What all runs of one call have in common.
#[derive(Clone)]
pub struct Runner {
    /// The claim on the daemon.
    pub session: Arc<Session>,
    /// Also the controls, the wrong runbooks, and kills after each step.
    pub full: bool,
    /// The no-fault control: leave the faults out.
    pub no_fault: bool,
    /// Also keep what a Prometheus would have scraped.
    pub metrics: bool,
    /// Do not remove the testbed of a run that did not pass.
    pub keep: bool,
    /// A skip is a failure.
    pub require_all: bool,
    /// Draws the picture of a run that is over.
    pub picture: fn(&RunResult) -> Result<()>,
    /// Who lets the next one begin.
    pub admission: Arc<Admission>,
}

impl Runner {
    /// One that runs scenarios quickly, with their faults, and takes a skip for what it is.
    pub fn new(session: Arc<Session>, picture: fn(&RunResult) -> Result<()>) -> Self {
        let (full, no_fault, metrics, keep, require_all) = (false, false, false, false, false);
        Self { session, full, no_fault, metrics, keep, require_all, picture, admission: Arc::default() }
    }

    /// Makes the images that are needed, and where metrics are recorded the exporters, so that
    /// no run pays for it.
    ///
    /// # Errors
    /// [`Error::Environment`] if one cannot be made.
    pub async fn prepare(&self, images: impl IntoIterator<Item = &'static str>) -> Result<()> {
        let images: BTreeSet<_> = images.into_iter().chain(["helper"]).collect();
        for image in images {
            self.session.image(image).await?;
        }
        if self.metrics { self.session.offer_exporters().await } else { Ok(()) }
    }

    /// Runs each scenario `repeat` times, at most `jobs` at once, and hands over
    /// each result as it comes. Repetition `r` has the seed `seed + r - 1`.
    pub async fn run_all(
        &self,
        scenarios: &[&Scenario],
        seed: u64,
        repeat: u32,
        jobs: usize,
        mut told: impl FnMut(&RunResult),
    ) -> Vec<RunResult> {
        let runs = (1..=repeat).flat_map(|run| scenarios.iter().map(move |scenario| (*scenario, run)));
        let results = stream::iter(runs).map(|(scenario, run)| self.run(scenario, run, seed + u64::from(run) - 1));
        let mut results = results.buffer_unordered(jobs.max(1));
        let mut all = Vec::new();
        while let Some(result) = results.next().await {
            told(&result);
            all.push(result);
        }
        all.sort_by(|a: &RunResult, b| (&a.id, a.run).cmp(&(&b.id, b.run)));
        all
    }

    /// Runs one scenario once. Never fails: whatever happens is in the result.
    pub async fn run(&self, scenario: &Scenario, run: u32, seed: u64) -> RunResult {
        let work = Work {
            id: scenario.id.clone(),
            run,
            seed,
            limit: scenario.limit(self.full),
            expected: scenario.expected(),
        };
        self.conduct(work, |lab| scenario.start(Arc::clone(&self.session), lab), identity).await
    }

    /// Plays a scenario up to its diagnosis and hands it over. It fails where it is not healed;
    /// what came of it is with the exercise.
    pub async fn drill(&self, scenario: &Scenario, run: u32, seed: u64, exercise: &Arc<Exercise>) -> RunResult {
        let work = Work {
            id: exercise.title.clone().unwrap_or_else(|| scenario.id.clone()),
            run,
            seed,
            limit: scenario.limit(self.full) + exercise.longest(),
            expected: scenario.expected(),
        };
        let start = |lab| scenario.drill(Arc::clone(&self.session), lab, Arc::clone(exercise));
        self.conduct(work, start, identity).await
    }

    /// Plays a schedule once, and keeps it as a plan file beside what was seen.
    ///
    /// # Errors
    /// [`Error::Usage`] for a fault that the system does not know.
    pub async fn play(&self, id: &str, run: u64, schedule: &Schedule, playable: &Playable) -> Result<RunResult> {
        let scenario = (playable.scenario)(schedule, id.into())?;
        let work = Work {
            id: id.into(),
            run: run.try_into().unwrap_or(u32::MAX),
            seed: schedule.seed,
            limit: scenario.limit(false),
            expected: scenario.expected(),
        };
        let plan = schedule.to_toml()?;
        let start = |lab: Lab| -> BoxFuture<'static, Result<()>> {
            let (path, played) = (lab.dir().join(PLAN), scenario.start(Arc::clone(&self.session), lab));
            Box::pin(async move {
                fs::write(&path, plan).map_err(Error::file("write", &path))?;
                played.await
            })
        };
        Ok(self.conduct(work, start, identity).await)
    }

    /// Runs a trial's story once. It keeps its limit by itself; beyond it, it hangs. `fair` says
    /// what of its end is the subject's doing.
    pub(super) async fn conduct_trial(
        &self,
        id: String,
        run: u32,
        seed: u64,
        limit: Duration,
        start: impl FnOnce(Lab) -> BoxFuture<'static, Result<()>>,
        fair: impl FnOnce(Result<()>) -> Result<()>,
    ) -> RunResult {
        let expected = reenact_core::detect::all().into_iter().map(|entry| entry.id).collect();
        self.conduct(Work { id, run, seed, limit: limit + TRIAL_HANGS, expected }, start, fair).await
    }

    /// Runs one piece of work in a lab of its own, and judges how it ended.
    async fn conduct(
        &self,
        work: Work,
        start: impl FnOnce(Lab) -> BoxFuture<'static, Result<()>>,
        fair: impl FnOnce(Result<()>) -> Result<()>,
    ) -> RunResult {
        let _admitted = self.admission.enter().await;
        let began = std::time::Instant::now();
        let Work { id, run, seed, limit, expected } = work;
        let name = format!("{}.{run}", id.replace("::", "."));
        let plan = Plan { seed, full: self.full, no_fault: self.no_fault, metrics: self.metrics };
        let task = progress::task(id.clone());
        let label = format!("{}-{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"), self.session.next());
        let (score, ended) = match Lab::open(self.session.results().join(&name), label, plan, expected) {
            Ok(lab) => self.run_in(&lab, limit, start(lab.clone()), &task).await,
            Err(error) => (Score::default(), Err(error)),
        };
        let run_dir = self.session.results().join(name);
        let result =
            RunResult { duration_ms: began.elapsed().as_millis() as u64, ..RunResult::new(id, run, plan, run_dir) };
        let result = result.judged(score, fair(ended), self.require_all).kept();
        task.done_with(&result.to_string());
        if let Err(error) = (self.picture)(&result) {
            tracing::warn!(%error, "there is no picture of the run");
        }
        result
    }

    async fn run_in(
        &self,
        lab: &Lab,
        limit: Duration,
        work: BoxFuture<'static, Result<()>>,
        task: &progress::Task,
    ) -> (Score, Result<()>) {
        let work = AssertUnwindSafe(work).catch_unwind();
        let show = async {
            loop {
                task.change(&lab.glance());
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let watch = machine::Watch::over(lab);
        let ended = tokio::select! {
            ended = tokio::time::timeout(limit, work) => ended,
            () = show => unreachable!("it shows for ever"),
        };
        let ended = match ended {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Error::Bug(format!("the scenario panicked: {}", panic_text(&*panic)))),
            Err(_) => Err(Error::failed(format!("not done after {limit:.0?}, in the phase \"{}\"", lab.glance()))),
        };
        if let Err(error) = &ended {
            lab.record("verdict", error.to_string());
        }
        let keep = self.keep && ended.is_err();
        if keep {
            self.session.keep();
        }
        let (mut score, closed) = lab.close();
        let cleaned = tokio::time::timeout(CLOSE_LIMIT, self.clean(lab, keep)).await;
        let late = |_| Err(Error::failed(format!("cleaning up took over {CLOSE_LIMIT:.0?}")));
        let cleaned = cleaned.unwrap_or_else(late);
        score.machine = watch.end();
        let proof = match &cleaned {
            Ok(()) if keep => Proof::Reason("kept, as asked for".into()),
            Ok(()) => Proof::Proved,
            Err(error) => Proof::Reason(error.to_string()),
        };
        score.contract.insert(Step::Clean, proof);
        if ended.is_ok() && cleaned.is_err() {
            score.step = Some(Step::Clean);
        }
        (score, ended.and(cleaned).and(closed))
    }

    /// Keeps the testbed's evidence and removes all that the run made, unless it is to be kept.
    async fn clean(&self, lab: &Lab, keep: bool) -> Result<()> {
        lab.phase(machine::CLEAN_UP);
        let kept = match lab.take_bed() {
            Some(bed) => bed.keep_evidence(lab.dir()).await,
            None => Ok(()),
        };
        let removed = if keep { Ok(()) } else { Testbed::remove(&self.session, lab.id()).await };
        removed.and(kept)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
