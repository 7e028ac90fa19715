//! Halving what lies between two commits, by git, until somebody stops it.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::{process::Command, sync::watch};

use crate::cli::run::signals;
use reenact_core::{Error, Result};

/// What a commit says of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
    /// It tells nothing, and why.
    Skip(String),
}

/// Where the search ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// The first commit that has it.
    First(String),
    /// One of these, of which all but the last told nothing.
    AmongSkipped(Vec<String>),
}

/// Whether the search goes on, from its first moment on: a signal between two programs counts too.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<Option<&'static str>>);

impl Stop {
    /// At SIGINT or SIGTERM.
    pub(super) fn listening() -> Result<Self> {
        let (signal, (tell, told)) = (signals()?, watch::channel(None));
        tokio::spawn(async move { tell.send_replace(Some(signal.await)) });
        Ok(Self(told))
    }

    /// Never: a clean-up comes to its end.
    pub(super) fn never() -> Self {
        Self(watch::channel(None).1)
    }

    /// Waits for it.
    async fn comes(&self) -> Error {
        let mut told = self.0.clone();
        match told.wait_for(Option::is_some).await.map(|name| *name) {
            Ok(name) => Error::inconclusive(format!("stopped by {}", name.unwrap_or("a signal"))),
            Err(_) => std::future::pending().await,
        }
    }
}

/// Halves what lies between two commits by `git bisect`, in a work tree of its own.
pub(super) async fn search(
    stop: &Stop,
    tree: &Path,
    good: &str,
    bad: &str,
    mut verdict: impl AsyncFnMut(String) -> Result<Verdict>,
) -> Result<Origin> {
    let mut said = git(stop, tree, ["bisect", "start", bad, good]).await?;
    loop {
        if let Some(line) = said.lines().find(|line| line.ends_with(" is the first bad commit")) {
            return Ok(Origin::First(line.split(' ').next().unwrap_or_default().into()));
        }
        if said.contains("only 'skip'ped commits left") {
            let is_commit = |line: &&str| line.len() == 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            return Ok(Origin::AmongSkipped(said.lines().filter(is_commit).map(str::to_owned).collect()));
        }
        let word = match verdict(git(stop, tree, ["rev-parse", "HEAD"]).await?).await? {
            Verdict::Good => "good",
            Verdict::Bad => "bad",
            Verdict::Skip(_) => "skip",
        };
        said = git(stop, tree, ["bisect", word]).await?;
    }
}

pub(super) async fn commit(stop: &Stop, root: &Path, name: &str) -> Result<String> {
    let found = git(stop, root, ["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).await;
    let none = || Error::usage(format!("there is no commit {name:?} here"), "name one that `git log` shows");
    found.map_err(|error| if matches!(error, Error::Inconclusive(_)) { error } else { none() })
}

/// Its hash and title.
pub(super) async fn titled(stop: &Stop, root: &Path, commit: &str) -> Result<String> {
    git(stop, root, ["show", "--no-patch", "--format=%h %s", commit]).await
}

/// What git printed. Its exit code 2 with commits that were all skipped is an answer.
pub(super) async fn git<A: AsRef<OsStr>>(
    stop: &Stop,
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Result<String> {
    let mut git = Command::new("git");
    let Output { status, stdout, stderr } =
        ended(stop, git.args(arguments).current_dir(folder).stderr(Stdio::piped())).await?;
    let said = String::from_utf8_lossy(&stdout).trim().to_owned();
    if status.success() || said.contains("only 'skip'ped commits left") {
        return Ok(said);
    }
    let why = String::from_utf8_lossy(&stderr).trim().to_owned();
    Err(Error::environment(format!("git: {why}"), "call it in a clone of reenact's repository"))
}

/// Runs a program to its end; if we are stopped, it is too, with the compilers that it runs, and waited for.
pub(super) async fn ended(stop: &Stop, command: &mut Command) -> Result<Output> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let missing = |error| Error::environment(format!("{name} cannot be run: {error}"), "install it");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).spawn().map_err(missing)?;
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut output = std::pin::pin!(child.wait_with_output());
    let (output, stopped) = tokio::select! {
        biased;
        stopped = stop.comes() => {
            id.map(|id| kill_process_group(id, Signal::TERM));
            (output.await, Err(stopped))
        }
        output = &mut output => (output, Ok(())),
    };
    stopped.and_then(|()| output.map_err(|error| Error::environment(format!("{name}: {error}"), "try it by hand")))
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use super::*;

    /// Commits 0 to 9, each with its number in a file.
    fn repository() -> (tempfile::TempDir, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |arguments: &[&str]| {
            let mut git = process::Command::new("git");
            let mut names = vec!["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
            names.extend(arguments);
            let output = git.args(names).current_dir(folder.path()).output().expect("git");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        };
        git(&["init", "--quiet"]);
        let commits = (0..10).map(|number| {
            fs::write(folder.path().join("number"), number.to_string()).expect("a file");
            git(&["add", "number"]);
            git(&["commit", "--quiet", "-m", &format!("number {number}")]);
            git(&["rev-parse", "HEAD"])
        });
        let commits = commits.collect();
        (folder, commits)
    }

    async fn searched(says: impl Fn(u32) -> Verdict) -> (Origin, Vec<String>, u32) {
        let (folder, commits) = repository();
        let (tree, mut asked) = (folder.path(), 0);
        let verdict = async |_| {
            asked += 1;
            Ok(says(fs::read_to_string(tree.join("number")).expect("a file").parse().expect("a number")))
        };
        let origin = search(&Stop::never(), tree, &commits[0], &commits[9], verdict).await.expect("an end");
        (origin, commits, asked)
    }

    #[tokio::test]
    async fn the_first_bad_commit_is_found_by_halves() {
        let says = |number| if number >= 6 { Verdict::Bad } else { Verdict::Good };
        let (origin, commits, asked) = searched(says).await;
        assert_eq!(origin, Origin::First(commits[6].clone()));
        assert!(asked <= 4, "{asked} of ten commits were tried");
    }

    #[tokio::test]
    async fn commits_that_tell_nothing_are_named_where_they_hide_it() {
        let says = |number| match number {
            0..=3 => Verdict::Good,
            4 | 5 => Verdict::Skip("it does not build".into()),
            _ => Verdict::Bad,
        };
        let (origin, commits, _) = searched(says).await;
        let Origin::AmongSkipped(mut among) = origin else { panic!("{origin:?}") };
        let mut expected = commits[4..=6].to_vec();
        among.sort();
        expected.sort();
        assert_eq!(among, expected);
    }

    #[tokio::test]
    async fn what_is_no_commit_is_said_before_anything_is_built() {
        let (folder, commits) = repository();
        assert_eq!(commit(&Stop::never(), folder.path(), &commits[3][..9]).await.expect("a commit"), commits[3]);
        let error = commit(&Stop::never(), folder.path(), "no-such").await.expect_err("none");
        assert!(error.exit_code() == 2 && error.to_string().contains("no-such"), "{error}");
    }
}
