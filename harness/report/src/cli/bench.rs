//! `reenact bench`: how soon is a fault in force, how soon is a system up, what does a run cost,
//! and how fast are recordings rescored?

mod cost;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};

use super::{
    run::{conclude, ended},
    say,
};
use reenact_core::{Error, Result};
use reenact_run::{
    archive::{self, Rescored, Saved},
    campaign::{self, Runner, Schedule},
};
use reenact_testbed::{
    NodeSpec, Session, Testbed,
    fault::{self, Disconnect, Partition},
};

/// How many times a thing is measured that takes no time.
const USUAL: u32 = 20;

#[derive(Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,

    /// How many times each thing is measured: 20 times, and `cost` 3 times, unless you say so
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,

    /// Print one JSON array
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Three ways to cut a node off, turn by turn, so that other load falls on all alike
    Inject,
    /// From the call until every node of a system serves
    Start {
        /// The system
        system: String,
    },
    /// The processors' time that scenarios need, one after another on an otherwise idle machine
    Cost {
        /// Parts of scenarios' ids
        #[arg(required = true)]
        patterns: Vec<String>,

        /// Tell it by phase too
        #[arg(long)]
        phases: bool,

        /// Record metrics: what that costs is the difference to the same without it
        #[arg(long)]
        metrics: bool,
    },
    /// Recordings against the detectors of today, without Docker
    Rescore {
        /// Folders of sessions or of single runs
        #[arg(required = true, value_name = "RUN_DIR")]
        folders: Vec<PathBuf>,
    },
}

/// The figures of one thing, in milliseconds from its call.
#[derive(serde::Serialize)]
struct Row {
    what: String,
    runs: usize,
    p50_ms: f64,
    p95_ms: f64,
    max_ms: f64,
}

/// How fast one recording is rescored.
#[derive(serde::Serialize)]
struct Speed {
    what: String,
    observations: usize,
    lasts_ms: u64,
    p50_ms: f64,
    times_real_time: f64,
}

impl Speed {
    fn of(what: String, all: &[Rescored]) -> Self {
        let p50_ms =
            reenact_core::stats::median(all.iter().map(|rescored| rescored.took_ms).collect()).unwrap_or(f64::NAN);
        let (observations, lasts_ms) = all.first().map_or((0, 0), |first| (first.observations, first.lasts_ms));
        Self { what, observations, lasts_ms, p50_ms, times_real_time: lasts_ms as f64 / p50_ms }
    }
}

impl Row {
    fn of(what: impl Into<String>, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let rank = (times.len() as f64 * share).ceil() as usize;
            times.get(rank.saturating_sub(1)).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
        };
        Self { what: what.into(), runs: times.len(), p50_ms: at(0.5), p95_ms: at(0.95), max_ms: at(1.0) }
    }
}

impl Bench {
    pub(super) async fn execute(self, results: &Path) -> Result<u8> {
        if let What::Rescore { folders } = &self.what {
            return self.rescore(folders);
        }
        if let What::Cost { patterns, phases, metrics } = &self.what {
            return self.cost(results, patterns, *phases, *metrics).await;
        }
        let session = Session::open(results, HashMap::new(), false).await?;
        let work = async {
            match &self.what {
                What::Inject => self.inject(&session).await,
                What::Start { system } => self.start(&session, system).await,
                What::Cost { .. } | What::Rescore { .. } => Ok(Vec::new()),
            }
        };
        let (rows, closed) = conclude(&session, work).await?;
        if self.json {
            say(crate::to_json(&rows));
        } else {
            let what =
                if matches!(self.what, What::Start { .. }) { "call until it serves" } else { "call until in force" };
            say(format!("{what:<36} {:>5} {:>10} {:>10} {:>10}", "runs", "p50", "p95", "max"));
            for Row { what, runs, p50_ms, p95_ms, max_ms } in rows {
                say(format!("{what:<36} {runs:>5} {p50_ms:>7.2} ms {p95_ms:>7.2} ms {max_ms:>7.2} ms"));
            }
        }
        ended(0, closed)
    }

    /// How many times it is measured, where nobody says so.
    fn runs(&self, usual: u32) -> u32 {
        self.runs.unwrap_or(usual)
    }

    async fn cost(&self, results: &Path, patterns: &[String], phases: bool, metrics: bool) -> Result<u8> {
        let scenarios = campaign::matching(patterns)?;
        let session = Session::open(results, HashMap::new(), false).await?;
        let runner = Runner { metrics, require_all: true, ..Runner::new(Arc::clone(&session), crate::keep_picture) };
        let work = async {
            runner.prepare(scenarios.iter().flat_map(|scenario| scenario.images.clone())).await?;
            cost::of(&runner, &scenarios, self.runs(3)).await
        };
        let (costs, closed) = conclude(&session, work).await?;
        if self.json {
            say(crate::to_json(&costs));
        } else {
            cost::tell(&costs, phases);
        }
        ended(0, closed)
    }

    /// Rescores each run several times.
    fn rescore(&self, folders: &[PathBuf]) -> Result<u8> {
        let mut rows = Vec::new();
        for run in Saved::load_all(folders)?.runs {
            let all = (0..self.runs(USUAL)).map(|_| archive::rescore(&run)).collect::<Result<Vec<_>>>()?;
            rows.push(Speed::of(format!("{} #{}", run.id, run.run), &all));
        }
        if self.json {
            say(crate::to_json(&rows));
        } else {
            say(format!(
                "{:<44} {:>12} {:>9} {:>10} {:>12}",
                "recording", "observations", "lasts", "p50", "× real time"
            ));
            for Speed { what, observations, lasts_ms, p50_ms, times_real_time } in rows {
                let lasts = lasts_ms as f64 / 1000.0;
                say(format!("{what:<44} {observations:>12} {lasts:>7.1} s {p50_ms:>7.2} ms {times_real_time:>12.0}"));
            }
        }
        Ok(0)
    }

    /// Plays empty schedules, one after another.
    async fn start(&self, session: &Arc<Session>, system: &str) -> Result<Vec<Row>> {
        let playable = campaign::playable(system)?;
        let runner = Runner { require_all: true, ..Runner::new(Arc::clone(session), crate::keep_picture) };
        runner.prepare((playable.images)()).await?;
        let mut times = Vec::new();
        for seed in 0..self.runs(USUAL) {
            let empty = Schedule { system: system.into(), seed: seed.into(), ..Schedule::default() };
            let result = runner.play(&format!("{system}::start"), seed.into(), &empty, playable).await?;
            let (Some(start), None) = (result.score.start_ms, &result.reason) else {
                return Err(Error::inconclusive(format!("a start failed: {}", result.reason.unwrap_or_default())));
            };
            times.push(Duration::from_millis(start));
        }
        Ok(vec![Row::of(format!("{system}: every node serves"), times)])
    }

    async fn inject(&self, session: &Arc<Session>) -> Result<Vec<Row>> {
        let image = session.image("helper").await?;
        let spec = |name| NodeSpec { name, image: image.clone(), ..NodeSpec::default() };
        let bed = Testbed::create(session, "bench", &["n1", "n2"], |_| vec![spec("n1"), spec("n2")]).await?;
        let (mut firewall, mut exec, mut disconnect) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.runs(USUAL) {
            let active = fault::inject(&bed, Partition::between(&["n1"], &["n2"]), false).await?;
            firewall.push(active.took);
            active.heal(&bed).await?;
            exec.push(exec_nft(session, &bed).await?);
            let active = fault::inject(&bed, Disconnect { node: "n1".into() }, false).await?;
            disconnect.push(active.took);
            active.heal(&bed).await?;
        }
        Ok(vec![
            Row::of("partition by the helper's firewall", firewall),
            Row::of("docker exec … nft", exec),
            Row::of("docker network disconnect", disconnect),
        ])
    }
}

/// A cut by a fresh exec in the helper, in the node's own network namespace.
async fn exec_nft(session: &Session, bed: &Testbed) -> Result<Duration> {
    let pid = bed.node("n1")?.state().await?.pid;
    let enter = format!("nsenter -t {pid} -n nft");
    let rules = "add table inet bench; \
                 add chain inet bench cut { type filter hook input priority 0; policy drop; }";
    let called = Instant::now();
    let (code, said) = session.exec_in_helper(&["sh", "-c", &format!("{enter} '{rules}'")]).await?;
    let took = called.elapsed();
    if code != 0 {
        return Err(Error::inconclusive(format!("nft in the node's namespace: {said}")));
    }
    session.exec_in_helper(&["sh", "-c", &format!("{enter} delete table inet bench")]).await?;
    Ok(took)
}
