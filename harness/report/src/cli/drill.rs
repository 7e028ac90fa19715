//! `reenact drill`.

pub(super) mod own;
mod play;
mod suite;
mod task;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clap::Args;
use futures::{StreamExt, stream::FuturesOrdered};
use tokio::sync::Semaphore;

use super::{
    run::{conclude, ended},
    say,
};
use crate::{About, How, drilled};
use play::{Kills, Play, runnable};
use reenact_core::{Error, Result};
use reenact_run::campaign::{self, Kind, RunResult, Runner, Scenario, Span};
use reenact_testbed::Session;

/// How long one call may take, unless somebody says so.
const LIMIT: Duration = Duration::from_secs(15 * 60);

#[derive(Args)]
pub(super) struct Drill {
    /// The scenario's id, or a part of it that no other has; with --blind any part
    #[arg(required_unless_present_any = ["blind", "suite"])]
    scenario: Option<String>,

    /// Your recovery: a command and its arguments
    #[arg(last = true, required_unless_present_any = ["shell", "blind", "suite", "own", "start_command", "task_dir"], value_name = "COMMAND")]
    command: Vec<String>,

    /// How long one call of it may take, such as 90s or 15m
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = limit)]
    limit: Duration,

    /// The exit code by which it says that it does not dare; more than once for several
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(i32).range(1..=255))]
    refused: Vec<i32>,

    /// Also kill it once its command K has ended, and call it again; `each`: after each of them,
    /// every time on the incident played anew
    #[arg(long, value_name = "K|each")]
    kill: Option<Kills>,

    /// Call it once more on the system that it has healed: it must leave all as it is
    #[arg(long)]
    again: bool,

    /// Call it in a box: a container on the nodes' network that has this folder to read, no way to
    /// the daemon and none out
    #[arg(long = "box", conflicts_with_all = ["shell", "blind"])]
    in_box: bool,

    /// It only looks: call it at the moment of detection, with every fault in force. Else what nobody on the nodes could
    /// mend, such as a cut network, is mended before
    #[arg(long, conflicts_with_all = ["kill", "again", "own", "shell", "blind", "suite", "start_command", "task_dir"])]
    look: bool,

    /// A shell in the command's place, with a page of the symptoms: for a person, or for a program
    /// that reads and writes lines
    #[arg(long, conflicts_with_all = ["command", "kill", "again", "refused", "start_command"])]
    shell: bool,

    /// The scenario's right runbook in the command's place, through the same door
    #[arg(long, conflicts_with_all = ["command", "in_box", "shell", "blind", "suite", "start_command"])]
    own: bool,

    /// The nodes' own start command in the command's place, as an orchestrator runs it when their
    /// machines come back: see docs/drill.md
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "kill", "again", "refused", "in_box"])]
    start_command: Option<PathBuf>,

    /// What the start command finds set: a shell's file
    #[arg(long, value_name = "FILE", requires = "start_command", conflicts_with = "command")]
    variables: Option<PathBuf>,

    /// Write a task for an agents' benchmark into this new folder, with COMMAND as its solution,
    /// and play nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["kill", "again", "refused", "in_box", "shell", "blind", "start_command"])]
    task_dir: Option<PathBuf>,

    /// The same on a scenario that is drawn, and not named before its end; look-alikes too
    #[arg(long, conflicts_with_all = ["command", "kill", "again", "refused", "start_command"])]
    blind: bool,

    /// Play what a file says, many recoveries on many scenarios: see docs/drill.md
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "command", "kill", "again", "refused", "shell", "blind", "start_command", "task_dir"])]
    suite: Option<PathBuf>,

    /// Hold first that it stays broken with nothing done
    #[arg(long)]
    full: bool,

    /// Every random choice is drawn from it: 1, and with --blind another one each time
    #[arg(long)]
    seed: Option<u64>,

    /// Play up to N incidents at once, where it is killed, or in a suite
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,

    /// Print one JSON object per event, a line each, and last one for each drill
    #[arg(long)]
    json: bool,
}

fn limit(text: &str) -> Result<Duration, String> {
    let Span(time) = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?.try_into()?;
    limited(time)
}

fn limited(time: Duration) -> Result<Duration, String> {
    if time < Duration::from_secs(1) { Err("give a second or more".into()) } else { Ok(time) }
}

/// The one scenario that is meant.
fn one(fitting: &[&'static Scenario], text: &str) -> Result<&'static Scenario> {
    if let [one] = fitting {
        return Ok(one);
    }
    let ids: Vec<_> = fitting.iter().take(6).map(|scenario| scenario.id.as_str()).collect();
    let more = if fitting.len() > ids.len() { ", …" } else { "" };
    Err(Error::usage(
        format!("{text:?} means {} scenarios", fitting.len()),
        format!("name one of {}{more}", ids.join(", ")),
    ))
}

/// One of them: a look-alike one time in four, where there is one.
fn draw(fitting: &[&'static Scenario], seed: u64) -> Result<&'static Scenario> {
    let (twins, incidents): (Vec<_>, Vec<_>) = fitting.iter().partition(|scenario| scenario.kind == Kind::Twin);
    let from = if incidents.is_empty() || (seed.is_multiple_of(4) && !twins.is_empty()) { twins } else { incidents };
    // Neighbours of a seed are no neighbours of a scenario.
    let at = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    from.get(at as usize % from.len().max(1)).copied().ok_or_else(|| Error::Bug("there are no scenarios".into()))
}

impl Drill {
    pub(super) async fn execute(self, results: &Path, images: HashMap<String, String>) -> Result<u8> {
        if let Some(folder) = &self.task_dir {
            let text = self.scenario.clone().unwrap_or_default();
            let scenario = one(&campaign::matching(std::slice::from_ref(&text))?, &text)?;
            let solution = if self.own { own::command(scenario)? } else { self.command.clone() };
            task::write(folder, scenario, self.limit, &solution)?;
            say(format!("a task is in {}", folder.display()));
            return Ok(0);
        }
        let in_box = if self.in_box { Some(here()?) } else { None };
        let plays = self.plays(in_box.as_deref())?;
        let named = images.clone().into_iter().collect();
        let session = Session::open(results, images, false).await?;
        let runner = Runner { full: self.full, require_all: true, ..Runner::new(session, crate::keep_picture) };
        let work = async {
            runner.session.offer_operator().await?;
            let images = plays.iter().flat_map(|(_, play)| play.scenario.images.clone());
            runner.prepare(images.chain(in_box.is_some().then_some("box"))).await?;
            let (mut done, mut drills) = (Vec::new(), Vec::new());
            let slots = Semaphore::new(self.jobs.into());
            let mut played = plays.iter().map(|(_, play)| play.perform(&runner, &slots)).collect::<FuturesOrdered<_>>();
            let mut told = plays.iter();
            while let (Some((name, play)), Some((runs, drill))) = (told.next(), played.next().await) {
                done.extend(runs);
                if let Some(drill) = drill {
                    say(self.told(&drill, play.scenario));
                    drills.push((name.clone(), drill));
                }
            }
            Ok((done, drills))
        };
        let ((done, drills), closed) = conclude(&runner.session, work).await?;
        let about = About { full: self.full, images: named, ..About::ending(runner.session.id(), How::Run) };
        crate::keep_session(runner.session.results(), &done, &about)?;
        if self.suite.is_some() && !self.json {
            say(drilled::table(&drills));
            say(format!("kept in {}", runner.session.results().display()));
        }
        ended(code(&done, &drills, plays.len()), closed)
    }

    fn told(&self, drill: &drilled::Drill, scenario: &Scenario) -> String {
        match self.json {
            true => crate::to_json(&drill.json()),
            false if self.shell || self.blind => drilled::grade(drill, scenario),
            false => drill.text(),
        }
    }

    /// What is called. What a box has on its path is not known here.
    fn subject(&self) -> Result<Vec<String>> {
        let Some(start) = &self.start_command else {
            if !self.command.is_empty() && !self.in_box {
                runnable(&self.command)?;
            }
            return Ok(self.command.clone());
        };
        runnable(&[format!("./{}", start.display()).replace(".//", "/")])?;
        if let Some(path) = self.variables.as_ref().filter(|path| !path.is_file()) {
            return Err(Error::usage(format!("there is no file {}", path.display()), "name one of variables"));
        }
        let files = [start].into_iter().chain(&self.variables).map(|path| path.display().to_string());
        Ok(std::iter::once("start-command".to_owned()).chain(files).collect())
    }

    /// What is to be played, each with its subject's name.
    fn plays(&self, in_box: Option<&Path>) -> Result<Vec<(String, Play)>> {
        let seed = self.seed.unwrap_or(1);
        if let Some(path) = &self.suite {
            let mut plays = suite::load(path, seed, self.json)?;
            plays.iter_mut().for_each(|(_, play)| play.in_box = in_box.map(Path::to_owned));
            return Ok(plays);
        }
        let text = self.scenario.clone().unwrap_or_default();
        let fitting = campaign::matching(std::slice::from_ref(&text))?;
        let by_hand = self.shell || self.blind;
        let scenario = if self.blind { draw(&fitting, self.seed.unwrap_or_else(now))? } else { one(&fitting, &text)? };
        let command = if self.own { own::command(scenario)? } else { self.subject()? };
        let play = Play {
            scenario,
            title: self.blind.then(|| format!("{}::blind", scenario.system())),
            command: (!by_hand).then_some(command),
            diagnoses: if by_hand { choices(scenario.system())? } else { Vec::new() },
            goes_on: self.start_command.is_some(),
            looks: self.look,
            refused: self.refused.iter().copied().chain(self.own.then_some(own::REFUSED.into())).collect(),
            limit: self.limit,
            in_box: in_box.map(Path::to_owned),
            kill: self.kill,
            again: self.again,
            seed,
            json: self.json,
        };
        Ok(vec![(String::new(), play)])
    }
}

/// What a person at the shell may say that it is.
fn choices(system: &str) -> Result<Vec<String>> {
    let all = campaign::all()?;
    Ok(drilled::Found::choices(all.into_iter().filter(|scenario| scenario.system() == system)))
}

/// This folder, for a box: the daemon must be on this machine to find it.
fn here() -> Result<PathBuf> {
    let remote = std::env::var("DOCKER_HOST").ok().filter(|host| !host.starts_with("unix:"));
    if let Some(host) = remote {
        return Err(Error::usage(
            format!("--box gives this folder to a container, and the daemon at {host} does not have it"),
            "leave --box out: ssh through the daemon works everywhere",
        ));
    }
    std::env::current_dir().map_err(|error| Error::usage(format!("where is this folder? {error}"), "go to another one"))
}

/// A seed that nobody chose.
fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_nanos() as u64 / 1000)
}

/// The exit code: that of the drills, and of those runs that have come to nothing.
fn code(done: &[RunResult], drills: &[(String, drilled::Drill)], wanted: usize) -> u8 {
    let of_drills = drills.iter().map(|(_, drill)| drill.exit_code());
    match drills.len() == wanted {
        true if of_drills.clone().any(|code| code == 1) => 1,
        true => of_drills.max().unwrap_or(0),
        false => campaign::exit_code(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_alike_is_drawn_one_time_in_four_and_the_same_seed_draws_the_same() {
        let all: Vec<&'static Scenario> = [("a::x", Kind::Incident), ("a::y", Kind::Incident), ("a::twin", Kind::Twin)]
            .map(|(id, kind)| &*Box::leak(Box::new(Scenario::told(id, kind))))
            .into();
        let drawn = |seed| draw(&all, seed).expect("one").id.clone();
        assert_eq!((0..40).filter(|seed| drawn(*seed) == "a::twin").count(), 10);
        for id in ["a::x", "a::y"] {
            assert!((0..40).any(|seed| drawn(seed) == id), "{id} is never drawn");
        }
        assert_eq!(drawn(7), drawn(7));
    }
}
