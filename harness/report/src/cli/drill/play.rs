//! One subject on one scenario: called, and called again after each kill.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::{
    cli::say,
    drilled::{Drill, Found, Kill},
};
use reenact_core::{Error, Result, drill::Verdict};
use reenact_run::{
    campaign::{RunResult, Runner, Scenario},
    drill::{Exercise, said},
};

/// Where it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kills {
    Each,
    After(usize),
}

impl std::str::FromStr for Kills {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("each", _) => Ok(Self::Each),
            (_, Ok(after @ 1..)) => Ok(Self::After(after)),
            _ => Err("give the number of a command, from 1, or `each`".into()),
        }
    }
}

/// What is tried, and how.
pub(super) struct Play {
    pub(super) scenario: &'static Scenario,
    /// The id of its runs, where it is not the scenario's.
    pub(super) title: Option<String>,
    /// None: a shell.
    pub(super) command: Option<Vec<String>>,
    /// What a person may say that it is.
    pub(super) diagnoses: Vec<String>,
    /// Whether that only begins what goes on, on the nodes.
    pub(super) goes_on: bool,
    /// Whether it only looks.
    pub(super) looks: bool,
    pub(super) refused: BTreeSet<i32>,
    pub(super) limit: Duration,
    pub(super) in_box: Option<PathBuf>,
    pub(super) kill: Option<Kills>,
    pub(super) again: bool,
    pub(super) seed: u64,
    pub(super) json: bool,
}

impl Play {
    /// Plays the incident for the recovery as it is, and then for each kill, each in one of the
    /// slots. All runs, and what they have come to; `None`: nothing, and the run says why.
    pub(super) async fn perform(&self, runner: &Runner, slots: &Semaphore) -> (Vec<RunResult>, Option<Drill>) {
        let plain = self.exercise(1, None);
        let first = self.run(runner, slots, 1, &plain).await;
        let (run_dir, mut done) = (first.run_dir.clone(), vec![first]);
        let Some(plain) = plain.drilled() else { return (done, None) };
        let wanted: Vec<usize> = match self.kill {
            // Who does not heal when left alone need not be killed.
            _ if plain.verdict != Verdict::Healed => Vec::new(),
            None => Vec::new(),
            Some(Kills::Each) => (1..=plain.commands.len()).collect(),
            Some(Kills::After(after)) => vec![after],
        };
        let played = join_all(wanted.into_iter().map(|after| self.killed(runner, slots, after))).await;
        let mut kills = Vec::new();
        for (after, kill, result) in played {
            kills.push((after, kill));
            done.push(result);
        }
        let (scenario, command) = (self.scenario.id.clone(), self.words());
        let found = said(&run_dir).map(|said| Found::of(self.scenario, said));
        (done, Some(Drill { scenario, command, plain, kills, found, run_dir }))
    }

    async fn run(&self, runner: &Runner, slots: &Semaphore, run: u32, exercise: &Arc<Exercise>) -> RunResult {
        // Nobody closes them.
        let _slot = slots.acquire().await;
        runner.drill(self.scenario, run, self.seed, exercise).await
    }

    async fn killed(&self, runner: &Runner, slots: &Semaphore, after: usize) -> (usize, Kill, RunResult) {
        let run = u32::try_from(after + 1).unwrap_or(u32::MAX);
        let exercise = self.exercise(run, Some(after));
        let result = self.run(runner, slots, run, &exercise).await;
        let kill = match exercise.drilled() {
            Some(drilled) if drilled.killed_after.is_some() => Kill::Drilled(Box::new(drilled)),
            Some(_) => Kill::Fewer,
            None => Kill::Nothing(result.reason.clone().unwrap_or_default()),
        };
        (after, kill, result)
    }

    fn exercise(&self, run: u32, kill: Option<usize>) -> Arc<Exercise> {
        let mut exercise = self.command.clone().map_or_else(Exercise::shell, Exercise::of);
        exercise.title.clone_from(&self.title);
        exercise.diagnoses.clone_from(&self.diagnoses);
        exercise.goes_on = self.goes_on;
        exercise.looks = self.looks;
        exercise.refused.clone_from(&self.refused);
        exercise.limit = self.limit;
        exercise.in_box.clone_from(&self.in_box);
        exercise.kill = kill;
        exercise.again = self.again && kill.is_none();
        if self.json {
            let id = self.title.clone().unwrap_or_else(|| self.scenario.id.clone());
            exercise.listener = Box::new(move |kind, text| {
                say(serde_json::json!({ "event": kind, "scenario": id, "run": run, "text": text }).to_string());
            });
        }
        Arc::new(exercise)
    }

    /// What is tried, as a shell reads it.
    fn words(&self) -> String {
        let words = |command: &Vec<String>| shlex::try_join(command.iter().map(String::as_str)).unwrap_or_default();
        self.command.as_ref().map_or_else(|| "a person at the shell".into(), words)
    }
}

/// Holds that there is such a program: else an incident would be played for nothing.
pub(super) fn runnable(command: &[String]) -> Result<()> {
    let program = command.first().map(String::as_str).unwrap_or_default();
    let can_run =
        |path: &Path| path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        let path = Path::new(program);
        return match (path.exists(), can_run(path)) {
            (_, true) => Ok(()),
            (true, false) => Err(Error::usage(format!("{program} is not executable"), format!("chmod +x {program}"))),
            (false, _) => Err(Error::usage(format!("there is no file {program}"), "name a program, after --")),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).any(|folder| can_run(&folder.join(program))) {
        true => Ok(()),
        false => Err(Error::usage(
            format!("there is no program {program:?} on the PATH"),
            format!("a script in this folder is ./{program}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_a_number_from_one_or_each() {
        assert_eq!(("each".parse(), "3".parse()), (Ok(Kills::Each), Ok(Kills::After(3))));
        for wrong in ["0", "-1", "all", ""] {
            assert!(wrong.parse::<Kills>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_program_that_cannot_be_run_is_told_before_anything_is_played() {
        let of = |program: &str| runnable(&[program.to_owned()]).map_err(|error| error.to_string());
        assert_eq!((of("sh"), of("/bin/sh")), (Ok(()), Ok(())));
        for (program, word) in
            [("no-such-program", "on the PATH"), ("./no-such", "no file"), ("/etc/passwd", "chmod +x")]
        {
            let why = of(program).expect_err(program);
            assert!(why.contains(word), "{why}");
        }
    }
}
