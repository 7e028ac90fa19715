//! The command line. Results go to standard output, all else to standard error.

mod alerts;
mod bench;
mod bisect;
mod campaign_;
mod check;
mod compare;
mod diagnose;
mod drill;
mod findings;
mod image;
mod operator;
mod rescore;
mod run;
mod try_;

use std::{
    io::{Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::doctor;
use reenact_core::{Error, Result};
use reenact_run::{
    campaign::{self, Kind, Scenario},
    contract::Proof,
};
use reenact_testbed::{Held, SweepScope, Swept, connect, reaper, sweep};

/// Re-enacts reported production incidents on real software in Docker, and judges
/// whether detectors notice them and runbooks heal them without harm.
#[derive(Parser)]
#[command(name = "reenact", version)]
struct Arguments {
    /// Where runs are kept
    #[arg(long, global = true, default_value = "results", env = "REENACT_RESULTS")]
    results: PathBuf,

    /// Run NAME's nodes from another image, such as galera=my/galera:11.4
    #[arg(long = "image", global = true, value_name = "NAME=IMAGE")]
    images: Vec<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the scenarios
    List {
        /// Tell of each step of the contract whether it is proved, or why not
        #[arg(long)]
        contract: bool,

        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Run scenarios: those whose id contains any PATTERN, or all
    Run(run::Run),
    /// Play a plan file: timed faults and runbooks on one system, held against what must always be true
    Replay(run::Replay),
    /// Run the scenarios, then random schedules for as long as there is time, and shrink what fails
    Campaign(campaign_::Campaign),
    /// Print the JSON schema of plan files
    Schema,
    /// Stop a service of your own under load, and count the acknowledged updates that it loses
    Try(try_::Try),
    /// Give an incident to a recovery of your own, a script or a playbook, and judge what it does
    Drill(drill::Drill),
    /// What the files of a drill call
    #[command(subcommand, hide = true)]
    Operator(operator::Operator),
    /// Show recordings to the detectors of today, and tell which verdicts differ
    Rescore(rescore::Rescore),
    /// Would your Prometheus rules have noticed? Scored against recorded incidents and look-alikes
    Alerts(alerts::Alerts),
    /// Which incident is this? A live system, or a folder of files, shown to the detectors; nothing is changed
    Diagnose(diagnose::Diagnose),
    /// Print a script that gathers on one node what `diagnose --files` can use
    Collect(diagnose::Collect),
    /// Can a linearizable, or a causal, store have answered so? Checks histories of reads and writes
    Check(check::Check),
    /// Hold runs against earlier ones: what became worse?
    Compare(compare::Compare),
    /// Keep the figures of runs in one small file, to compare later ones with
    Baseline(compare::Baseline),
    /// Join the sessions of several machines into one
    Merge(compare::Merge),
    /// What campaigns have found, since when, how often it fails, and what is gone
    Findings(findings::Findings),
    /// Which commit brought a finding? Builds and replays what lies between a good one and a bad one
    Bisect(bisect::Bisect),
    /// Make an image of this program, for `docker run` and for engines, and print its name
    Image(image::Image),
    /// Keep of runs what rescoring needs, small: for tests/recordings
    Pack(rescore::Pack),
    /// Say what this machine can do, and what to mend
    Doctor {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Remove what dead sessions left and what --keep kept; exit code 3 if the daemon does not give it back
    Clean {
        /// Also what sessions that still run have made
        #[arg(long)]
        all: bool,
    },
    /// Tell a scenario's story, source, faults, detector and runbooks
    Explain {
        /// Its id
        id: String,
    },
    /// Measure how soon a fault is in force, or a system up, or how fast rescoring is
    Bench(bench::Bench),
}

/// The `main` of the `reenact` binary. Exit codes: 0 all passed, 1 a scenario failed,
/// 2 usage, 3 the environment cannot, 4 inconclusive or a required scenario skipped,
/// 70 a bug of ours.
pub fn main() -> ExitCode {
    reaper::intercept();
    let filter = tracing_subscriber::EnvFilter::try_from_env("REENACT_LOG");
    let filter = filter.unwrap_or_else(|_| "warn,testcontainers=error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::environment(format!("no runtime: {error}"), "are threads allowed here?")),
    };
    match runtime.block_on(dispatch(arguments)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error),
    }
}

/// The end of a `main` that failed: tells why, and gives the exit code. A closed
/// standard error is no reason to panic, as `eprintln!` would.
pub fn fail(error: &Error) -> ExitCode {
    let _ = writeln!(stderr(), "error: {error}");
    ExitCode::from(error.exit_code())
}

/// Prints to standard output; a closed pipe is the reader's choice.
fn say(text: impl AsRef<str>) {
    let _ = writeln!(stdout(), "{}", text.as_ref());
}

async fn dispatch(arguments: Arguments) -> Result<u8> {
    let images = run::images(&arguments.images)?;
    match arguments.command {
        Command::List { contract, json } => list(contract, json),
        Command::Run(run) => run.execute(&arguments.results, images).await,
        Command::Replay(replay) => replay.execute(&arguments.results, images).await,
        Command::Campaign(campaign) => campaign.execute(&arguments.results, images).await,
        Command::Schema => {
            say(crate::to_json(&campaign::Schedule::schema()));
            Ok(0)
        }
        Command::Try(attempt) => attempt.execute(&arguments.results, images).await,
        Command::Drill(drill) => drill.execute(&arguments.results, images).await,
        Command::Operator(operator) => operator.execute().await,
        Command::Rescore(rescore) => rescore.execute(),
        Command::Alerts(alerts) => alerts.execute(&arguments.results).await,
        Command::Diagnose(diagnose) => diagnose.execute(),
        Command::Collect(collect) => collect.execute(),
        Command::Check(check) => check.execute(),
        Command::Compare(compare) => compare.execute(),
        Command::Baseline(baseline) => baseline.execute(),
        Command::Merge(merge) => merge.execute(),
        Command::Findings(findings) => findings.execute(),
        Command::Bisect(bisect) => bisect.execute(&arguments.results).await,
        Command::Image(image) => image.execute(&arguments.results, images).await,
        Command::Pack(pack) => pack.execute(),
        Command::Doctor { json } => examine(&arguments.results, json).await,
        Command::Clean { all } => clean(all).await,
        Command::Explain { id } => explain(&id),
        Command::Bench(bench) => bench.execute(&arguments.results).await,
    }
}

fn list(contract: bool, json: bool) -> Result<u8> {
    let all = campaign::all()?;
    say(match (contract, json) {
        (false, false) => crate::list(&all),
        (false, true) => crate::to_json(&all.iter().map(|scenario| describe(scenario)).collect::<Vec<_>>()),
        (true, false) => crate::contract(&all),
        (true, true) => crate::to_json(&all.iter().map(|scenario| steps(scenario)).collect::<Vec<_>>()),
    });
    Ok(0)
}

fn steps(scenario: &Scenario) -> serde_json::Value {
    serde_json::json!({ "id": scenario.id, "kind": scenario.kind, "steps": scenario.contract })
}

fn describe(scenario: &Scenario) -> serde_json::Value {
    serde_json::json!({
        "id": scenario.id,
        "kind": scenario.kind,
        "story": scenario.story,
        "source": scenario.source,
        "faults": scenario.faults,
        "detector": scenario.detector,
        "runbooks": scenario.runbooks,
        "fingerprints": scenario.fingerprints.iter().map(|print| print.id).collect::<Vec<_>>(),
        "images": scenario.images,
        "core": scenario.core,
        "core_for": scenario.alone,
    })
}

async fn examine(results: &std::path::Path, json: bool) -> Result<u8> {
    let checks = doctor::examine(results).await;
    if json {
        say(crate::to_json(&checks));
    } else {
        for check in &checks {
            let mark = if check.ok { "ok     " } else { "MISSING" };
            say(format!("{mark} {:<14} {}", check.name, check.detail));
            if let Some(help) = &check.help {
                say(format!("        help: {help}"));
            }
        }
    }
    Ok(if checks.iter().all(|check| check.ok) { 0 } else { 3 })
}

async fn clean(all: bool) -> Result<u8> {
    let scope = if all { SweepScope::Everybody } else { SweepScope::Dead };
    let (said, ended) = cleaned(&sweep(&connect().await?, scope, true).await?);
    say(said);
    ended
}

/// What is said of a sweep, and how the command ends: what is still left is no success.
fn cleaned(Swept { removed, held }: &Swept) -> (String, Result<u8>) {
    let said = if removed.is_empty() { "nothing was removed".into() } else { format!("removed {removed}") };
    match (removed.is_empty(), held.is_empty()) {
        (true, true) => ("nothing was left".into(), Ok(0)),
        (false, true) => (said, Ok(0)),
        (_, false) => (said, Err(Error::environment(held.to_string(), Held::WAY_OUT))),
    }
}

fn explain(id: &str) -> Result<u8> {
    let all = campaign::all()?;
    let Some(scenario) = all.iter().find(|scenario| scenario.id == id) else {
        let near = nearest(id, &all);
        let help = match near[..] {
            [] => "`reenact list` shows them all".to_owned(),
            _ => format!("did you mean {}?", near.join(" or ")),
        };
        return Err(Error::usage(format!("there is no scenario {id:?}"), help));
    };
    let kind = if scenario.kind == Kind::Twin { "twin: every detector must stay silent" } else { "incident" };
    say(format!("{}  ({kind})\n\n{}\n\nsource: {}", scenario.id, scenario.story, scenario.source));
    section("what is done", scenario.faults.iter().cloned());
    let detector = scenario.detector.iter().map(|id| (*id, "must fire"));
    let also = scenario.also.iter().map(|id| (*id, "may fire: true as well at some moment"));
    let summary = |id: &str| {
        reenact_core::detect::all().into_iter().find(|entry| entry.id == id).map_or("", |entry| entry.summary)
    };
    section("detectors", detector.chain(also).map(|(id, role)| format!("{id} ({role}): {}", summary(id))));
    section("runbooks", scenario.runbooks.iter().cloned());
    section("fingerprints", scenario.fingerprints.iter().map(|print| format!("{}: {}", print.id, print.report)));
    let reasons = scenario.contract.iter().filter_map(|(step, proof)| match proof {
        Proof::Reason(why) => Some(format!("{step}: {why}")),
        Proof::Proved => None,
    });
    section("steps of the contract that do not apply", reasons);
    section("what only this scenario of the core tries", scenario.alone.iter().cloned());
    if !scenario.core {
        say("\na variant: the core tries all that it tries");
    }
    say(format!("\nrun it: reenact run {}", scenario.id));
    Ok(0)
}

/// The ids that the text is a part of, else those that are most like it.
fn nearest<'s>(text: &str, all: &[&'s Scenario]) -> Vec<&'s str> {
    let ids = all.iter().map(|scenario| scenario.id.as_str());
    let parts: Vec<_> = ids.clone().filter(|id| id.contains(text)).collect();
    if parts.is_empty() { campaign::nearest(text, ids) } else { parts }
}

fn section(title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        say(format!("\n{title}:"));
        lines.for_each(|line| say(format!("  - {line}")));
    }
}

#[cfg(test)]
mod tests {
    use reenact_testbed::Leftovers;

    use super::*;

    #[test]
    fn what_the_daemon_does_not_give_back_is_named_and_is_no_success() {
        let removed = Leftovers { volumes: vec!["v".into()], ..Leftovers::default() };
        let held: Held = [("id".to_owned(), "reenact-one".to_owned())].into_iter().collect();
        for (removed, says) in [(Leftovers::default(), "nothing was removed"), (removed, "removed 0 containers")] {
            let (said, ended) = cleaned(&Swept { removed, held: held.clone() });
            assert!(said.starts_with(says), "{said}");
            let error = ended.expect_err("something is left");
            assert_eq!(error.exit_code(), 3);
            for word in ["1 network left", "reenact-one", "restart the daemon"] {
                assert!(error.to_string().contains(word), "no {word:?} in: {error}");
            }
        }
    }

    #[test]
    fn a_clean_machine_is_said_to_be_one() {
        let (said, ended) = cleaned(&Swept::default());
        assert_eq!((said.as_str(), ended.expect("a success")), ("nothing was left", 0));
    }
}
