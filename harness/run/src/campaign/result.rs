//! How one run ended, as it is told to others and kept.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{lab::Plan, score::Score};
use reenact_core::{Error, Result, file};

/// The file that makes a folder a run's.
pub(crate) const SCORE: &str = "score.json";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that it should prove was proved.
    Pass,
    /// A detector, a runbook or an invariant failed.
    Fail,
    /// Nothing was proved either way.
    Inconclusive,
    /// The environment lacks something that it needs.
    Skipped,
}

/// How a run was set up. Of older runs not all is known.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Setup {
    /// Whether the controls, the wrong runbooks and the kills were run too.
    pub full: bool,
    /// Whether the faults were left out, for the no-fault control.
    #[serde(alias = "sham")]
    pub no_fault: bool,
    /// The version of `reenact` that ran it.
    pub version: Option<String>,
    /// The commit, as `REENACT_COMMIT` or else `GITHUB_SHA` named it.
    pub commit: Option<String>,
}

impl Setup {
    pub(super) fn of(plan: Plan) -> Self {
        let named = |name| std::env::var(name).ok().filter(|commit| !commit.is_empty());
        Self {
            full: plan.full,
            no_fault: plan.no_fault,
            version: Some(env!("CARGO_PKG_VERSION").into()),
            commit: named("REENACT_COMMIT").or_else(|| named("GITHUB_SHA")),
        }
    }
}

/// One run of one scenario, as it is told to others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The scenario.
    pub id: String,
    /// Which repetition, from 1.
    pub run: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it passed.
    pub reason: Option<String>,
    /// Whether no fault could be proved to be in force: what the no-fault control must end in.
    #[serde(default)]
    pub unproved: bool,
    /// Its seed.
    pub seed: u64,
    /// How long it took, clean-up included.
    pub duration_ms: u64,
    /// The folder that it is kept in.
    pub run_dir: PathBuf,
    /// How it was set up.
    #[serde(default)]
    pub setup: Setup,
    /// What is known of it.
    pub score: Score,
    /// The process's exit code that it calls for.
    #[serde(skip)]
    pub exit_code: u8,
}

impl RunResult {
    /// A run of which nothing is known yet.
    pub(super) fn new(id: String, run: u32, plan: Plan, run_dir: PathBuf) -> Self {
        Self {
            id,
            run,
            outcome: Outcome::Inconclusive,
            reason: None,
            unproved: false,
            seed: plan.seed,
            duration_ms: 0,
            run_dir,
            setup: Setup::of(plan),
            score: Score::default(),
            exit_code: 4,
        }
    }

    /// With what it came to. Where the machine may have been too slow for what was to be timed, the
    /// reason says so. What the environment lacks is a lack of proof where all is required.
    pub(super) fn judged(mut self, score: Score, ended: Result<()>, require_all: bool) -> Self {
        (self.outcome, self.exit_code) = match &ended {
            Ok(()) => (Outcome::Pass, 0),
            Err(Error::Environment { .. }) => (Outcome::Skipped, if require_all { 4 } else { 0 }),
            Err(error) => match error.exit_code() {
                // Also a full disk under the results: nothing is said about the subject.
                code @ (3 | 4) => (Outcome::Inconclusive, code),
                code => (Outcome::Fail, code),
            },
        };
        self.unproved = matches!(ended, Err(Error::Unproved(_)));
        let too_slow = || score.machine.too_slow().map_or_else(String::new, |why| format!("\n    {why}"));
        self.reason = ended.err().map(|error| error.to_string() + &too_slow());
        self.score = score;
        self
    }

    /// Writes it into a folder, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::Bug(format!("a score: {error}")))?;
        file::write_whole(&folder.join(SCORE), text)
    }

    /// Keeps it in its own folder. A verdict that is not kept is told, and is no pass: those
    /// who read the folder later would take the run for one that was cut off.
    pub(super) fn kept(mut self) -> Self {
        let Err(error) = self.write_to(&self.run_dir) else { return self };
        if matches!(self.outcome, Outcome::Pass | Outcome::Skipped) {
            (self.outcome, self.exit_code) = (Outcome::Inconclusive, error.exit_code());
        }
        self.reason = Some(self.reason.map_or_else(String::new, |reason| reason + "\n    ") + &error.to_string());
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Skipped => "skipped",
        })
    }
}

/// One run in one line, and why it did not pass.
impl fmt::Display for RunResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, id, run, run_dir, .. } = self;
        write!(f, "{outcome:<12} {id} #{run} ({:.1} s)", self.duration_ms as f64 / 1000.0)?;
        match &self.reason {
            Some(reason) => write!(f, "\n    {reason}\n    kept in {}", run_dir.display()),
            None => Ok(()),
        }
    }
}

/// The exit code for many runs: see [`worst`].
pub fn exit_code(results: &[RunResult]) -> u8 {
    worst(results.iter().map(|result| result.exit_code))
}

/// The exit code that counts most: a bug of ours, then a failure, then a lack of proof.
pub fn worst(codes: impl Iterator<Item = u8> + Clone) -> u8 {
    let worst = [70, 1, 3, 2, 4];
    worst.into_iter().find(|code| codes.clone().any(|other| other == *code)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::{Lag, Machine, Phase};

    fn judged(late_ms: f64, ended: Result<()>, require_all: bool) -> RunResult {
        let plan = Plan { seed: 7, full: false, no_fault: false, metrics: false };
        let lag = Lag { max_ms: late_ms, ..Lag::default() };
        let phases = vec![Phase { name: "wait: etcd".into(), lag, ..Phase::default() }];
        let score = Score { machine: Machine { phases, ..Machine::default() }, ..Score::default() };
        RunResult::new("a::b".into(), 1, plan, "results/x".into()).judged(score, ended, require_all)
    }

    #[test]
    fn a_slow_machine_is_named_beside_what_did_not_pass_and_only_there() {
        let failed = || Err(Error::failed("etcd took too long"));
        let reason = judged(1900.0, failed(), false).reason.expect("a reason");
        assert!(reason.starts_with("etcd took too long\n") && reason.contains("\"wait: etcd\""), "{reason}");
        assert!(reason.contains("1.90 s late"), "{reason}");
        assert_eq!(judged(10.0, failed(), false).reason.as_deref(), Some("etcd took too long"));
        assert_eq!(judged(1900.0, Ok(()), false).reason, None);
    }

    #[test]
    fn what_the_environment_lacks_is_a_lack_of_proof_where_all_is_required() {
        let of = |ended, require_all| {
            let result = judged(0.0, ended, require_all);
            (result.outcome, result.exit_code, result.unproved)
        };
        let lacks = || Err(Error::environment("no loop devices", "load the module"));
        assert_eq!(of(lacks(), false), (Outcome::Skipped, 0, false));
        assert_eq!(of(lacks(), true), (Outcome::Skipped, 4, false));
        assert_eq!(of(Err(Error::Unproved("not in force".into())), false), (Outcome::Inconclusive, 4, true));
        assert_eq!(of(Err(Error::failed("lost")), false), (Outcome::Fail, 1, false));
        assert_eq!(of(Ok(()), true), (Outcome::Pass, 0, false));
    }

    fn ended(run_dir: &Path, outcome: Outcome, exit_code: u8) -> RunResult {
        let reason = (outcome != Outcome::Pass).then(|| "as it was".to_owned());
        let (id, setup, score) = ("a::b".into(), Setup::default(), Score::default());
        RunResult {
            unproved: false,
            id,
            run: 1,
            outcome,
            reason,
            seed: 1,
            duration_ms: 1,
            run_dir: run_dir.into(),
            setup,
            score,
            exit_code,
        }
    }

    #[test]
    fn a_score_that_cannot_be_kept_is_told_and_is_no_pass() {
        let folder = tempfile::tempdir().expect("a folder");
        for (outcome, code, becomes) in [
            (Outcome::Pass, 0, (Outcome::Inconclusive, 3)),
            (Outcome::Skipped, 0, (Outcome::Inconclusive, 3)),
            (Outcome::Fail, 1, (Outcome::Fail, 1)),
            (Outcome::Inconclusive, 4, (Outcome::Inconclusive, 4)),
        ] {
            let kept = ended(&folder.path().join("gone"), outcome, code).kept();
            assert_eq!((kept.outcome, kept.exit_code), becomes);
            let reason = kept.reason.expect("a reason");
            assert!(reason.contains("could not write") && reason.contains(SCORE), "{reason}");
            assert_eq!(reason.contains("as it was"), outcome != Outcome::Pass, "{reason}");
        }
    }

    #[test]
    fn a_score_that_is_kept_is_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let result = ended(folder.path(), Outcome::Pass, 0);
        assert_eq!(result.clone().kept(), result);
        let text = fs::read(folder.path().join(SCORE)).expect("a score");
        assert_eq!(serde_json::from_slice::<RunResult>(&text).expect("a result"), result);
    }
}
