//! `reenact run`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{rescore::note, say};
use crate::{About, How, compare::Figures};
use reenact_core::{Error, Result};
use reenact_run::campaign::{self, Asked, RunResult, Runner, Scenario, Schedule};
use reenact_testbed::{Image, Session};

#[derive(Args)]
pub(super) struct Run {
    /// Parts of scenarios' ids; none means all
    patterns: Vec<String>,

    /// Also the controls, the wrong runbooks, and kills after each step
    #[arg(long)]
    full: bool,

    /// Every random choice is drawn from it; repetition R has SEED+R-1
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Run each scenario N times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Run up to N scenarios at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,

    /// Only part K of N, each as long as the others; auto, auto/N: as an engine tells its tasks
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Asked,

    /// Leave the testbed of a run that does not pass, to look into it
    #[arg(long)]
    keep: bool,

    /// The no-fault control: leave the faults themselves out; no incident may pass then
    #[arg(long, alias = "sham")]
    no_fault: bool,

    /// Also keep what a Prometheus would have scraped; what is broken is held for 20 s
    #[arg(long)]
    metrics: bool,

    /// Score these Prometheus rules against the metrics of each run, beside our detectors
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,

    /// Print one JSON object per run, a line each
    #[arg(long)]
    json: bool,
}

/// Reads `NAME=IMAGE`. A name that no image has would be left out in silence later.
pub(super) fn images(pairs: &[String]) -> Result<HashMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, image)) if !name.is_empty() && !image.is_empty() => {
            Image::named(name).map(|_| (name.to_owned(), image.to_owned()))
        }
        _ => Err(Error::usage(format!("--image {text}"), "write NAME=IMAGE, such as galera=my/galera:11.4")),
    };
    pairs.iter().map(pair).collect()
}

#[derive(Args)]
pub(super) struct Replay {
    /// The plan file: see docs/plans.md
    plan: PathBuf,

    /// Leave the testbed if it does not end well, to look into it
    #[arg(long)]
    keep: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Run {
    /// What is meant, the longest first.
    fn scenarios(&self) -> Result<Vec<&'static Scenario>> {
        let (all, shard) = (campaign::matching(&self.patterns)?, self.shard.shard(|name| std::env::var(name).ok())?);
        let part = campaign::part_of(all, &Figures::shipped_durations()?, shard);
        let help = "run it in fewer shards";
        if part.is_empty() { Err(Error::usage(format!("the shard {shard} has no scenario"), help)) } else { Ok(part) }
    }

    pub(super) async fn execute(self, results: &Path, images: HashMap<String, String>) -> Result<u8> {
        let scenarios = self.scenarios()?;
        // What cannot be scored is told before anything is run.
        let rules = if self.rules.is_empty() { None } else { Some(super::alerts::read(&self.rules, results).await?) };
        let named = images.clone().into_iter().collect();
        let session = Session::open(results, images, self.keep).await?;
        let runner = Runner {
            full: self.full,
            no_fault: self.no_fault,
            metrics: self.metrics,
            keep: self.keep,
            require_all: std::env::var("REENACT_REQUIRE").is_ok_and(|value| value == "all"),
            ..Runner::new(session, crate::keep_picture)
        };
        let told = |result: &RunResult| {
            if self.json {
                say(crate::to_json(&crate::json(result)));
            }
        };
        let images: Vec<_> = scenarios.iter().flat_map(|scenario| scenario.images.clone()).collect();
        let work = async {
            runner.prepare(images).await?;
            Ok(runner.run_all(&scenarios, self.seed, self.repeat, self.jobs.into(), told).await)
        };
        let (done, closed) = conclude(&runner.session, work).await?;
        if let Some((rules, promtool)) = &rules {
            for result in crate::alerts::keep_beside(&done, rules, promtool)? {
                note(&format!("{} #{}: no metrics, so no rules were scored", result.id, result.run));
            }
        }
        let about = About::ending(runner.session.id(), How::Run);
        let about = About { full: self.full, no_fault: self.no_fault, images: named, ..about };
        ended(tell(&runner.session, self.json, &done, &about)?, closed)
    }
}

impl Replay {
    pub(super) async fn execute(self, results: &Path, images: HashMap<String, String>) -> Result<u8> {
        let schedule = Schedule::load(&self.plan)?;
        let playable = campaign::playable(&schedule.system)?;
        let named = images.clone().into_iter().collect();
        let session = Session::open(results, images, self.keep).await?;
        let runner = Runner { keep: self.keep, require_all: true, ..Runner::new(session, crate::keep_picture) };
        let work = async {
            runner.prepare((playable.images)()).await?;
            let result = runner.play(&format!("{}::replay", schedule.system), 1, &schedule, playable).await?;
            if self.json {
                say(crate::to_json(&crate::json(&result)));
            }
            Ok(vec![result])
        };
        let (done, closed) = conclude(&runner.session, work).await?;
        let about = About { images: named, ..About::ending(runner.session.id(), How::Replay(self.plan)) };
        ended(tell(&runner.session, self.json, &done, &about)?, closed)
    }
}

/// Does the work, or is stopped; cleans up in either case. Gives what came of the work, and
/// of the clean-up: see [`ended`].
pub(super) async fn conclude<T>(session: &Session, work: impl Future<Output = Result<T>>) -> Result<(T, Result<()>)> {
    let done = tokio::select! {
        done = work => done,
        stopped = interrupted() => stopped,
    };
    let removing = done.is_err().then(|| reenact_core::progress::task("removing what was made".into()));
    let closed = session.close().await;
    drop(removing);
    match done {
        Ok(done) => Ok((done, closed)),
        // First, for the error of `done` may say that everything was removed.
        Err(error) => Err(closed.err().unwrap_or(error)),
    }
}

/// The exit code, once all is told: that of the runs, or of a clean-up that left something.
pub(super) fn ended(code: u8, closed: Result<()>) -> Result<u8> {
    match closed {
        Err(error) if code == 0 => Err(error),
        Err(error) => {
            super::fail(&error);
            Ok(code)
        }
        Ok(()) => Ok(code),
    }
}

/// Keeps what came of it, and tells it.
fn tell(session: &Session, json: bool, done: &[RunResult], about: &About) -> Result<u8> {
    crate::keep_session(session.results(), done, about)?;
    if !json {
        say(crate::summary(done));
        crate::facts(done).into_iter().for_each(say);
        say(crate::matrix(done));
        say(format!("kept in {}", session.results().display()));
    }
    Ok(campaign::exit_code(done))
}

/// Ends with an error at SIGINT or SIGTERM, so that all is cleaned up.
pub(super) async fn interrupted<T>() -> Result<T> {
    let name = signals()?.await;
    Err(Error::inconclusive(format!("stopped by {name}; everything was removed")))
}

/// Listens for SIGINT and SIGTERM, from this call on. Gives the name of the first one that comes.
pub(super) fn signals() -> Result<impl Future<Output = &'static str> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| Error::Bug(format!("cannot listen for signals: {error}")));
    let (mut int, mut term) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = int.recv() => "SIGINT",
            _ = term.recv() => "SIGTERM",
        }
    })
}
