//! `reenact campaign`.

use std::{collections::HashMap, path::Path, time::Duration};

use clap::Args;

use super::{
    run::{conclude, ended},
    say,
};
use crate::{About, How};
use reenact_core::Result;
use reenact_run::campaign::{self, Finding, Hunt, Playable, RunResult, Runner, Scenario, Shard, Span};
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

    /// Only part K of N: machines that share a campaign take one each
    #[arg(long, value_name = "K/N", default_value = "1/1", value_parser = shard)]
    shard: Shard,

    /// No more than N random schedules
    #[arg(long, value_name = "N")]
    schedules: Option<u64>,

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

fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    match numbers {
        Some((number, of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
        _ => Err("write K/N with K from 1 to N, such as 2/4".into()),
    }
}

impl Campaign {
    pub(super) async fn execute(self, results: &Path, images: HashMap<String, String>) -> Result<u8> {
        let begun = std::time::Instant::now();
        let systems = self.systems()?;
        let scenarios = self.scenarios(&systems)?;
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
            let mut all = runner.run_all(&scenarios, self.seed, 1, self.jobs.into(), told).await;
            let budget = self.budget.saturating_sub(begun.elapsed());
            let (seed, shard, jobs, most) = (self.seed, self.shard, self.jobs.into(), self.schedules);
            let hunt = Hunt { runner: &runner, systems, seed, shard, jobs, budget, most };
            let (random, findings) = hunt.run(told).await?;
            all.extend(random);
            Ok((all, findings))
        };
        let ((done, findings), closed) = conclude(&runner.session, work).await?;
        let about = About { full: self.full, ..About::ending(runner.session.id(), How::Run) };
        crate::keep_session(runner.session.results(), &done, &about)?;
        self.tell(&runner.session, &done, &findings);
        ended(campaign::exit_code(&done), closed)
    }

    fn systems(&self) -> Result<Vec<&'static Playable>> {
        match self.systems[..] {
            [] => Ok(campaign::playables()),
            _ => self.systems.iter().map(|name| campaign::playable(name)).collect(),
        }
    }

    /// The shard's part of the named scenarios of these systems.
    fn scenarios(&self, systems: &[&'static Playable]) -> Result<Vec<&'static Scenario>> {
        if self.only_random {
            return Ok(Vec::new());
        }
        let of = |scenario: &&Scenario| systems.iter().any(|playable| playable.system == scenario.system());
        let Shard { number, of: parts } = self.shard;
        let all: Vec<_> = campaign::all()?.into_iter().filter(of).collect();
        Ok(all.into_iter().skip(number as usize - 1).step_by(parts as usize).collect())
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
            say(format!(
                "found: {system}, schedule {number}: {reason}\n  {size} after {runs} runs; {failed} of {ran} runs fail so; \
                 again: reenact replay {}",
                plan.display()
            ));
        }
        say(format!("kept in {}", session.results().display()));
    }
}
