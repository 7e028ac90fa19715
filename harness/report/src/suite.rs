//! The scenarios as tests: `cargo test --test scenarios`.

use std::{
    collections::HashMap,
    env,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::{runtime::Runtime, sync::OnceCell};

use crate::{About, How, cli::fail, compare::Figures};
use reenact_core::{Error, Result};
use reenact_run::campaign::{self, Kind, Outcome, RunResult, Runner, Scenario};
use reenact_testbed::{Session, reaper};

/// How many scenarios run at once at most, for each processor, unless `--test-threads` says
/// otherwise: the systems under test mostly wait for timers of their own. How many do is for
/// the machine to say: see [`Admission`](campaign::Admission).
const THREADS: usize = 3;

fn threads() -> usize {
    THREADS * thread::available_parallelism().map_or(1, usize::from)
}

/// What the tests hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Every scenario passes.
    EachPasses,
    /// With its faults left out, no incident passes: it comes out inconclusive.
    NoFaultNoPass,
}

/// The `main` of a test binary, which keeps its runs in the folder `results`.
///
/// Three variables of the environment steer it: `REENACT_REQUIRE=all` makes a skip a
/// failure, `REENACT_MODE=full` runs the controls and the wrong runbooks too, and
/// `REENACT_SEED` sets the seed.
pub fn suite(hold: Hold, results: impl Into<PathBuf>) -> ExitCode {
    reaper::intercept();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert_with(threads);
    let suite = match Suite::new(hold, results.into()) {
        Ok(suite) => Arc::new(suite),
        Err(error) => return fail(&error),
    };
    let scenarios = match campaign::all() {
        Ok(scenarios) => scenarios,
        Err(error) => return fail(&error),
    };
    if let Some(filter) = &arguments.filter
        && let Err(error) = campaign::matching(std::slice::from_ref(filter))
    {
        return fail(&error);
    }
    let held = |scenario: &&Scenario| hold == Hold::EachPasses || scenario.kind == Kind::Incident;
    let trial = |scenario: &'static Scenario| {
        let suite = Arc::clone(&suite);
        Trial::ignorable_test(&scenario.id, move || suite.run(scenario)).with_ignored_flag(!scenario.core)
    };
    let durations = Figures::durations(&suite.folder);
    let scenarios = if arguments.list { scenarios } else { campaign::longest_first(scenarios, &durations) };
    let conclusion = libtest_mimic::run(&arguments, scenarios.into_iter().filter(held).map(trial).collect());
    match suite.close() {
        Ok(()) => conclusion.exit_code(),
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stdout, reason = "this is the end of a main")]
fn tell(text: &str) {
    println!("{text}");
}

/// Whether a run holds what the suite is for.
fn verdict(hold: Hold, result: &RunResult, require_all: bool) -> Result<Completion, Failed> {
    let holds = match hold {
        Hold::EachPasses => result.outcome == Outcome::Pass,
        // A testbed that never came up is inconclusive too, and says nothing of the faults.
        Hold::NoFaultNoPass => result.outcome == Outcome::Inconclusive && result.unproved,
    };
    match (&result.reason, result.outcome) {
        _ if holds => Ok(Completion::Completed),
        (Some(why), Outcome::Skipped) if !require_all => Ok(Completion::ignored_with(why)),
        _ => Err(result.to_string().into()),
    }
}

struct Suite {
    hold: Hold,
    folder: PathBuf,
    runtime: Runtime,
    seed: u64,
    full: bool,
    require_all: bool,
    /// Opened by the first test, so that `--list` needs no Docker.
    runner: OnceCell<Result<Runner, String>>,
    results: Mutex<Vec<RunResult>>,
}

impl Suite {
    fn new(hold: Hold, folder: PathBuf) -> Result<Self> {
        let seed = match env::var("REENACT_SEED") {
            Ok(seed) => {
                seed.parse().map_err(|_| Error::usage(format!("REENACT_SEED={seed}"), "give a whole number"))?
            }
            Err(_) => 1,
        };
        let full = match env::var("REENACT_MODE").as_deref() {
            Ok("full") => true,
            Ok("quick") | Err(_) => false,
            Ok(other) => return Err(Error::usage(format!("REENACT_MODE={other}"), "say quick or full")),
        };
        let require_all = match env::var("REENACT_REQUIRE").as_deref() {
            Ok("all") => true,
            Ok("") | Err(_) => false,
            Ok(other) => return Err(Error::usage(format!("REENACT_REQUIRE={other}"), "say all, or leave it unset")),
        };
        let runtime = Runtime::new().map_err(|error| Error::Bug(format!("no runtime: {error}")))?;
        Ok(Self { hold, folder, runtime, seed, full, require_all, runner: OnceCell::new(), results: Mutex::default() })
    }

    /// Runs one scenario, on a thread of the test runner's.
    fn run(&self, scenario: &'static Scenario) -> Result<Completion, Failed> {
        let runner = match self.runtime.block_on(self.runner.get_or_init(|| self.open())) {
            Ok(runner) => runner,
            Err(why) if self.require_all => return Err(why.into()),
            Err(why) => return Ok(Completion::ignored_with(why)),
        };
        let result = self.runtime.block_on(runner.run(scenario, 1, self.seed));
        let told = verdict(self.hold, &result, self.require_all);
        self.results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        told
    }

    async fn open(&self) -> Result<Runner, String> {
        let open = async {
            let session = Session::open(&self.folder, HashMap::new(), false).await?;
            let (full, require_all) = (self.full, self.require_all);
            let no_fault = self.hold == Hold::NoFaultNoPass;
            let runner = Runner { full, no_fault, require_all, ..Runner::new(session, crate::keep_picture) };
            runner.prepare(campaign::all()?.iter().flat_map(|scenario| scenario.images.clone())).await?;
            Ok::<_, Error>(runner)
        };
        open.await.map_err(|error| error.to_string())
    }

    fn close(&self) -> Result<()> {
        let Some(Ok(runner)) = self.runner.get() else { return Ok(()) };
        // Told at the end: what it leaves is no reason to keep the results to oneself.
        let closed = self.runtime.block_on(runner.session.close());
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.sort_by(|a, b| a.id.cmp(&b.id));
        tell(&crate::matrix(&results));
        let about = About::ending(runner.session.id(), How::Run);
        let about = About { full: self.full, no_fault: self.hold == Hold::NoFaultNoPass, ..about };
        crate::keep_session(runner.session.results(), &results, &about)?;
        closed
    }
}

#[cfg(test)]
mod tests {
    use reenact_run::{campaign::Setup, score::Score};

    use super::*;

    fn result(outcome: Outcome, unproved: bool) -> RunResult {
        RunResult {
            id: "a::one".into(),
            run: 1,
            outcome,
            reason: (outcome != Outcome::Pass).then(|| "the reason".into()),
            unproved,
            seed: 1,
            duration_ms: 1,
            run_dir: "/".into(),
            setup: Setup::default(),
            score: Score::default(),
            exit_code: 0,
        }
    }

    #[test]
    fn only_a_pass_passes() {
        let holds = |outcome, require| verdict(Hold::EachPasses, &result(outcome, true), require).is_ok();
        assert!(holds(Outcome::Pass, true));
        assert!(!holds(Outcome::Fail, false) && !holds(Outcome::Inconclusive, false));
        assert!(holds(Outcome::Skipped, false), "a skip that nobody forbids");
        assert!(!holds(Outcome::Skipped, true), "a required scenario was skipped");
    }

    #[test]
    fn a_control_holds_only_where_the_fault_was_not_proved() {
        let holds = |outcome, unproved| verdict(Hold::NoFaultNoPass, &result(outcome, unproved), true).is_ok();
        assert!(holds(Outcome::Inconclusive, true));
        assert!(!holds(Outcome::Inconclusive, false), "the testbed never came up");
        assert!(!holds(Outcome::Pass, false) && !holds(Outcome::Fail, true) && !holds(Outcome::Skipped, true));
    }
}
