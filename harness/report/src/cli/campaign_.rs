//! `reenact campaign`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{
    findings::tell_own,
    rescore::note,
    run::{conclude, ended},
    say,
};
use crate::{About, How, compare::Figures};
use reenact_core::{Error, Result};
use reenact_run::{
    archive::Part,
    campaign::{
        self, Asked, Coverage, Finding, Findings, Folder, Hunt, Hunted, Memory, Outcome, Playable, RunResult, Runner,
        Scenario, Shard, Span,
    },
};
use reenact_testbed::Session;

#[derive(Args)]
pub(super) struct Campaign {
    /// How long it may take in all, such as 30m or 2h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = budget)]
    budget: Duration,

    /// Every schedule is drawn from it: the same seed makes the same ones again
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Only this system; to be given more than once for several
    #[arg(long = "system", value_name = "NAME")]
    systems: Vec<String>,

    /// Run up to N at once
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,

    /// Only part K of N: machines that share a campaign take one each; auto, auto/N: as the engine tells its tasks
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Asked,

    /// Keep the results as shard-K-of-N, whole or not at all; if they are there already, run nothing
    #[arg(long)]
    once: bool,

    /// No more than N random schedules
    #[arg(long, value_name = "N")]
    schedules: Option<u64>,

    /// A map of what schedules have met on earlier nights: new states come first, and what was met is added; with
    /// --once `merge` adds it
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,

    /// What earlier nights have found: runs it first, adds what is new, and says what is gone; with --once `merge`
    /// adds it
    #[arg(long, value_name = "DIR")]
    findings: Option<PathBuf>,

    /// Leave the named scenarios out
    #[arg(long)]
    only_random: bool,

    /// The named scenarios with controls, wrong runbooks, and kills after each step
    #[arg(long)]
    full: bool,

    /// Print one JSON object per run, and one per finding, a line each
    #[arg(long)]
    json: bool,
}

fn budget(text: &str) -> Result<Duration, String> {
    let Span(time) = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?.try_into()?;
    if time.is_zero() { Err("must be more than nothing".into()) } else { Ok(time) }
}

impl Campaign {
    pub(super) async fn execute(self, results: &Path, images: HashMap<String, String>) -> Result<u8> {
        let (systems, shard) =
            (campaign::playables_of(&self.systems)?, self.shard.shard(|name| std::env::var(name).ok())?);
        let scenarios = self.scenarios(&systems, shard)?;
        if !self.once {
            let (_, ended) = self.run(systems, &scenarios, shard, results, images).await?;
            return ended;
        }
        let part = |exit_code| Part::new(shard, self.seed, exit_code);
        if let Some(kept) = part(0).kept(results)? {
            note(&format!("the shard {shard} was run before: see {}", part(0).folder(results).display()));
            return Ok(kept.exit_code);
        }
        let (session, ended) = self.run(systems, &scenarios, shard, results, images).await.map_err(to_be_retried)?;
        let part = part(ended.as_ref().map_or_else(Error::exit_code, |code| *code));
        if !part.is_to_be_retried() {
            note(&format!("the shard {shard} is kept in {}", part.keep(&session, results)?.display()));
        }
        ended
    }

    /// Runs a shard. Gives the session's folder, and how it ended.
    async fn run(
        &self,
        systems: Vec<&'static Playable>,
        scenarios: &[&'static Scenario],
        shard: Shard,
        results: &Path,
        images: HashMap<String, String>,
    ) -> Result<(PathBuf, Result<u8>)> {
        let begun = std::time::Instant::now();
        let known = self.coverage.as_deref().map(Coverage::load).transpose()?;
        let findings = self.known_findings()?;
        let session = Session::open(results, images, false).await?;
        let require_all = std::env::var("REENACT_REQUIRE").is_ok_and(|value| value == "all");
        let runner = Runner { full: self.full, require_all, ..Runner::new(session, crate::keep_picture) };
        let told = |result: &RunResult| {
            if self.json {
                say(crate::to_json(&crate::json(result)));
            }
        };
        let needed = scenarios.iter().flat_map(|scenario| scenario.images.clone());
        let needed: Vec<_> = needed.chain(systems.iter().flat_map(|system| (system.images)())).collect();
        let work = async {
            runner.prepare(needed).await?;
            let mut all = runner.run_all(scenarios, self.seed, 1, self.jobs.into(), told).await;
            let budget = self.budget.saturating_sub(begun.elapsed());
            let (seed, jobs, most) = (self.seed, self.jobs.into(), self.schedules);
            let known = known.clone();
            let (player, memory) = (&runner, self.memory());
            let hunt = Hunt { player, systems, seed, shard, jobs, budget, most, known, findings, memory };
            let mut hunted = hunt.run(told).await?;
            let met = Coverage::of(&hunted.results);
            all.append(&mut hunted.results);
            Ok((all, hunted, met))
        };
        let concluded = conclude(&runner.session, work).await;
        let ((done, hunted, met), closed) =
            concluded.map_err(|error| self.with_what_is_kept(error, &runner.session))?;
        self.keep(&runner.session, &done, &hunted)?;
        if let Some(known) = known {
            note(&crate::coverage(&met, &known));
        }
        let ended = match exit_code(&done) {
            Ok(code) => ended(code, closed),
            Err(error) => {
                closed.err().iter().for_each(|left| _ = super::fail(left));
                Err(error)
            }
        };
        Ok((runner.session.results().to_path_buf(), ended))
    }

    /// Keeps what was run, and tells it, with what is known of tonight's findings.
    fn keep(&self, session: &Session, done: &[RunResult], hunted: &Hunted) -> Result<()> {
        if !done.is_empty() {
            let about = About { full: self.full, ..About::ending(session.id(), How::Run) };
            crate::keep_session(session.results(), done, &about)?;
            self.tell(session, done, &hunted.new);
        }
        let tonight = hunted.findings.of(session.id());
        if self.findings.is_some() && !tonight.is_empty() {
            note(&crate::findings(&tonight));
        }
        Ok(())
    }

    /// A campaign that was stopped says where the runs that it had made are, and what they taught.
    fn with_what_is_kept(&self, error: Error, session: &Session) -> Error {
        let folder = session.results();
        if self.once || error.exit_code() != 4 || !folder.exists() {
            return error;
        }
        Error::inconclusive(format!(
            "{error}; the runs until then, and what they found, are kept in {}",
            folder.display()
        ))
    }

    /// What earlier nights have found. A file that is no plan is told before anything is run.
    fn known_findings(&self) -> Result<Findings> {
        let Some(folder) = &self.findings else { return Ok(Findings::default()) };
        let found = Folder::read(folder)?;
        tell_own(&found);
        found.whole()
    }

    /// What learns at once. A shard that is kept whole or not at all leaves that to `merge`.
    fn memory(&self) -> Memory {
        if self.once {
            return Memory::default();
        }
        Memory { findings: self.findings.clone(), coverage: self.coverage.clone() }
    }

    /// The shard's part of the named scenarios of these systems.
    fn scenarios(&self, systems: &[&'static Playable], shard: Shard) -> Result<Vec<&'static Scenario>> {
        if self.only_random {
            return Ok(Vec::new());
        }
        let of = |scenario: &&Scenario| systems.iter().any(|playable| playable.system == scenario.system());
        let all = campaign::all()?.into_iter().filter(of).collect();
        Ok(campaign::part_of(all, &Figures::shipped_durations()?, shard))
    }

    fn tell(&self, session: &Session, done: &[RunResult], findings: &[Finding]) {
        if self.json {
            findings.iter().for_each(|finding| say(crate::to_json(finding)));
            return;
        }
        say(crate::summary(done));
        say(crate::matrix(done));
        for Finding { system, number, reason, plan, failed: (failed, ran), runs, is_minimal } in findings {
            let size = if *is_minimal { "minimal" } else { "not minimal yet" };
            let from = number.map_or_else(|| "an earlier plan".into(), |number| format!("schedule {number}"));
            say(format!(
                "found: {system}, {from}: {reason}\n  {size} after {runs} runs; {failed} of {ran} runs fail so; \
                 again: reenact replay {}",
                plan.display()
            ));
        }
        say(format!("kept in {}", session.results().display()));
    }
}

/// A shard that came to no verdict, as one that was stopped, has kept nothing: that is no finding.
fn to_be_retried(error: Error) -> Error {
    match error.exit_code() {
        4 => Error::environment(error.to_string(), "nothing was kept: run the shard again"),
        _ => error,
    }
}

/// The exit code of a campaign. One that ran nothing proves nothing.
fn exit_code(done: &[RunResult]) -> Result<u8> {
    let Some(first) = done.first() else {
        return Err(Error::inconclusive(
            "nothing was run: this shard has no scenario, and there was no time for a schedule",
        ));
    };
    if done.iter().any(|result| result.outcome != Outcome::Skipped) {
        return Ok(campaign::exit_code(done));
    }
    let (count, why) = (done.len(), first.reason.as_deref().unwrap_or("for no stated reason"));
    Err(Error::environment(
        format!("nothing was run: all {count} runs were skipped: {why}"),
        "`reenact doctor` says more",
    ))
}

#[cfg(test)]
mod tests {
    use reenact_run::{campaign::Setup, score::Score};

    use super::*;

    fn ended(outcome: Outcome, exit_code: u8) -> RunResult {
        RunResult {
            id: "a::one".into(),
            run: 1,
            outcome,
            reason: (outcome != Outcome::Pass).then(|| "no such image".into()),
            unproved: false,
            seed: 1,
            duration_ms: 1,
            run_dir: "/".into(),
            setup: Setup::default(),
            score: Score::default(),
            exit_code,
        }
    }

    #[test]
    fn a_shard_without_a_verdict_is_the_machine_s_fault() {
        for (error, code) in [
            (Error::inconclusive("stopped by SIGTERM"), 3),
            (Error::usage("no such system", "look"), 2),
            (Error::Bug("ours".into()), 70),
        ] {
            assert_eq!(to_be_retried(error).exit_code(), code);
        }
    }

    #[test]
    fn a_campaign_that_ran_nothing_is_no_success() {
        let (passed, failed) = (ended(Outcome::Pass, 0), ended(Outcome::Fail, 1));
        let skipped = |code| ended(Outcome::Skipped, code);
        let code = |done: &[RunResult]| exit_code(done).unwrap_or_else(|error| error.exit_code());
        assert_eq!(code(&[]), 4);
        assert_eq!((code(&[skipped(0)]), code(&[skipped(4), skipped(4)])), (3, 3), "the machine's fault");
        assert_eq!((code(&[skipped(0), passed.clone()]), code(&[passed])), (0, 0));
        assert_eq!((code(&[skipped(0), failed]), code(&[skipped(4), ended(Outcome::Pass, 0)])), (1, 4));
        let why = exit_code(&[skipped(0)]).expect_err("nothing was run").to_string();
        assert!(why.contains("all 1 runs were skipped: no such image"), "{why}");
    }
}
