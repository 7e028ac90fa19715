//! `reenact bench cost`: what a run costs of the processors' time, whose it is, and when.

use std::{
    fs,
    io::BufReader,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use procfs_core::{FromRead, process::Stat};
use reenact_core::{Error, Result, stats::median};
use reenact_run::{
    campaign::{Outcome, RunResult, Runner, Scenario},
    machine::Processors,
};
use reenact_testbed::{Session, Usage};
use serde::Serialize;

use crate::cli::say;

/// How often the containers' counts are read: what one uses after that in its last moments is
/// told as the daemon's.
const LOOK: Duration = Duration::from_millis(50);
/// The kernel's ticks in a second, as it tells them to programs.
const TICKS: f64 = 100.0;

/// What one scenario costs: medians over its runs.
#[derive(Serialize)]
pub(super) struct Cost {
    id: String,
    runs: usize,
    wall_s: f64,
    cpu_s: Seconds,
    phases: Vec<PhaseCost>,
}

/// Seconds of the processors' time, by whose they are.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Seconds {
    /// The whole machine's, whoever worked.
    total: f64,
    /// This process's, and that of the programs that it has started.
    harness: f64,
    /// The rest: the daemon's, its helpers', the storage's and the kernel's; and those of all
    /// else that runs on this machine.
    daemon: f64,
    /// Of what runs in containers.
    nodes: f64,
}

#[derive(Serialize)]
struct PhaseCost {
    name: String,
    cpu_s: f64,
    lasted_s: f64,
}

/// Runs each scenario so many times, one after another, and says what each costs.
///
/// # Errors
/// [`Error::Environment`] where the kernel's counts cannot be read; [`Error::Inconclusive`] for
/// a run that does not pass, since its cost is that of another story.
pub(super) async fn of(runner: &Runner, scenarios: &[&Scenario], runs: u32) -> Result<Vec<Cost>> {
    let mut costs = Vec::new();
    for scenario in scenarios {
        let mut seen = Vec::new();
        for run in 1..=runs {
            seen.push(one(runner, scenario, run).await?);
        }
        costs.push(Cost::of(&scenario.id, &seen));
    }
    Ok(costs)
}

async fn one(runner: &Runner, scenario: &Scenario, run: u32) -> Result<(RunResult, Seconds)> {
    let unknown = || Error::environment("the kernel does not count its processors' time", "is /proc mounted?");
    let before = Processors::now().ok_or_else(unknown)?;
    let own = own_seconds().ok_or_else(unknown)?;
    let nodes = Sampler::start(&runner.session).await?;
    let result = runner.run(scenario, run, run.into()).await;
    let nodes = nodes.end().await?;
    let total = Processors::now().ok_or_else(unknown)?.since(&before).cpu_s;
    let harness = own_seconds().ok_or_else(unknown)? - own;
    if result.outcome != Outcome::Pass {
        return Err(Error::inconclusive(format!("what it costs is not known, for it did not pass: {result}")));
    }
    let daemon = (total - nodes - harness).max(0.0);
    Ok((result, Seconds { total, harness, daemon, nodes }))
}

/// What this process and its children that have ended have used so far.
fn own_seconds() -> Option<f64> {
    let stat = Stat::from_read(BufReader::new(fs::File::open("/proc/self/stat").ok()?)).ok()?;
    let children = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
    Some((stat.utime + stat.stime + children) as f64 / TICKS)
}

/// Reads the containers' counts while a run goes on.
struct Sampler {
    ended: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Usage>,
}

impl Sampler {
    async fn start(session: &Session) -> Result<Self> {
        let mut usage = Usage::begin(session).await?;
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let task = tokio::spawn(async move {
            while !told.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
                usage.look();
            }
            usage
        });
        Ok(Self { ended, task })
    }

    async fn end(self) -> Result<f64> {
        self.ended.store(true, Ordering::Relaxed);
        let usage = self.task.await.map_err(|error| Error::Bug(format!("counting: {error}")))?;
        Ok(usage.total().as_secs_f64())
    }
}

impl Cost {
    fn of(id: &str, seen: &[(RunResult, Seconds)]) -> Self {
        let middle = |of: &dyn Fn(&(RunResult, Seconds)) -> f64| median(seen.iter().map(of).collect()).unwrap_or(0.0);
        let cpu_s = Seconds {
            total: middle(&|(_, cost)| cost.total),
            harness: middle(&|(_, cost)| cost.harness),
            daemon: middle(&|(_, cost)| cost.daemon),
            nodes: middle(&|(_, cost)| cost.nodes),
        };
        let wall_s = middle(&|(result, _)| result.duration_ms as f64 / 1000.0);
        // The phases of the first run: the others may have had another order or number.
        let phases = seen.first().map_or(&[][..], |(result, _)| &result.score.machine.phases);
        let phase = |phase: &reenact_run::machine::Phase| PhaseCost {
            name: if phase.name.is_empty() { "deploy".into() } else { phase.name.clone() },
            cpu_s: phase.load.cpu_s,
            lasted_s: phase.lasted_ms as f64 / 1000.0,
        };
        Self { id: id.into(), runs: seen.len(), wall_s, cpu_s, phases: phases.iter().map(phase).collect() }
    }
}

/// The table for people; with `phases` each scenario's phases are below it.
pub(super) fn tell(costs: &[Cost], phases: bool) {
    say(format!(
        "{:<44} {:>4} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "seconds", "runs", "wall", "busy", "nodes", "harness", "rest"
    ));
    for Cost { id, runs, wall_s, cpu_s: Seconds { total, harness, daemon, nodes }, phases: all } in costs {
        say(format!("{id:<44} {runs:>4} {wall_s:>8.1} {total:>8.1} {nodes:>8.1} {harness:>8.1} {daemon:>8.1}"));
        for PhaseCost { name, cpu_s, lasted_s } in all.iter().filter(|_| phases) {
            let name: String = name.chars().take(47).collect();
            say(format!("  {name:<47} {lasted_s:>8.1} {cpu_s:>8.1}"));
        }
    }
}
