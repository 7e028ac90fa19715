//! `reenact bisect`: which commit brought a finding.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::{process::Command, sync::watch};

use super::{rescore::note, run::signals, say};
use reenact_core::{Error, Result, file};
use reenact_run::campaign::{Findings, Record, Schedule};

#[derive(Args)]
pub(super) struct Bisect {
    /// The plan file of a finding, which learns the commit
    finding: PathBuf,

    /// A commit of this repository that does not have it
    good: String,

    /// A later one that has it
    bad: String,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What a commit says of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    /// It tells nothing, and why.
    Skip(String),
}

/// Where the search ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    /// The first commit that has it.
    First(String),
    /// One of these, of which all but the last told nothing.
    AmongSkipped(Vec<String>),
}

impl Bisect {
    pub(super) async fn execute(self, results: &Path) -> Result<u8> {
        let mut plan = Findings::plan(&self.finding)?;
        let record = plan.finding.take().ok_or_else(|| Error::Bug("a finding without a record".into()))?;
        let stop = Stop::listening()?;
        let root = PathBuf::from(git(&stop, Path::new("."), ["rev-parse", "--show-toplevel"]).await?);
        let (good, bad) = (commit(&stop, &root, &self.good).await?, commit(&stop, &root, &self.bad).await?);
        let bench = Bench::make(results, &plan, record, stop)?;
        let found = bench.search(&root, &good, &bad).await;
        let origin = bench.cleared(&root, found).await?;
        if let Origin::First(first) = &origin {
            let first_bad = Some(titled(&bench.stop, &root, first).await?);
            let record = Record { first_bad, ..bench.record.clone() };
            let name = self.finding.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let plan = Schedule { finding: Some(record), ..plan };
            file::write_whole(&self.finding, plan.to_file(&name)?)?;
        }
        if self.json {
            say(crate::to_json(&origin));
            return Ok(0);
        }
        match origin {
            Origin::First(first) => {
                say(format!("the first commit that has it: {}", titled(&bench.stop, &root, &first).await?))
            }
            Origin::AmongSkipped(commits) => {
                say("it came with one of these; all but the last one tell nothing:");
                for one in commits {
                    say(format!("  {}", titled(&bench.stop, &root, &one).await?));
                }
            }
        }
        Ok(0)
    }
}

/// Whether the search goes on, from its first moment on: a signal between two programs counts too.
#[derive(Clone)]
struct Stop(watch::Receiver<Option<&'static str>>);

impl Stop {
    /// At SIGINT or SIGTERM.
    fn listening() -> Result<Self> {
        let (signal, (tell, told)) = (signals()?, watch::channel(None));
        tokio::spawn(async move { tell.send_replace(Some(signal.await)) });
        Ok(Self(told))
    }

    /// Never: a clean-up comes to its end.
    fn never() -> Self {
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

/// A work tree of its own with what is built in it, so that nobody's files are touched.
struct Bench {
    folder: PathBuf,
    record: Record,
    stop: Stop,
}

impl Bench {
    fn make(results: &Path, plan: &Schedule, record: Record, stop: Stop) -> Result<Self> {
        let folder = results.join(format!("bisect-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        let folder = folder.canonicalize().map_err(Error::file("find", &folder))?;
        file::write_whole(&folder.join("plan.toml"), plan.to_toml()?)?;
        Ok(Self { folder, record, stop })
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// Hands over what was found, once the work tree and what was built are gone. An error says what is left.
    async fn cleared<T>(&self, root: &Path, found: Result<T>) -> Result<T> {
        if let Err(left) = self.clear(root).await {
            let what = found.err().map_or_else(String::new, |error| format!("{error}; and "));
            let folder = self.folder.display();
            return Err(Error::environment(
                format!("{what}the work tree and what was built are left in {folder}: {left}"),
                format!("remove {folder} and call `git worktree prune`"),
            ));
        }
        found.map_err(|error| match error {
            Error::Inconclusive(why) => {
                Error::Inconclusive(format!("{why}; the plan and its runs are left in {}", self.folder.display()))
            }
            other => other,
        })
    }

    /// Removes the work tree, whatever git had made of it, and what was built; the plan and its runs stay.
    async fn clear(&self, root: &Path) -> Result<()> {
        for folder in [self.tree(), self.folder.join("target")] {
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
            }
        }
        git(&Stop::never(), root, ["worktree", "prune"]).await.map(drop)
    }

    async fn search(&self, root: &Path, good: &str, bad: &str) -> Result<Origin> {
        let (tree, stop) = (self.tree(), &self.stop);
        let add = ["worktree".as_ref(), "add".as_ref(), "--detach".as_ref(), tree.as_os_str()];
        git(stop, root, add).await?;
        for (at, wanted, word) in [(bad, Verdict::Bad, "has it"), (good, Verdict::Good, "does not have it")] {
            git(stop, &tree, ["checkout", "--quiet", "--detach", at]).await?;
            let verdict = self.verdict(at).await?;
            if verdict != wanted {
                let said = match verdict {
                    Verdict::Skip(why) => why,
                    _ => format!("by {} runs it is not so", self.record.runs_to_show()),
                };
                return Err(Error::inconclusive(format!("{at} is said to be one that {word}, and {said}")));
            }
        }
        search(stop, &tree, good, bad, async |commit| self.verdict(&commit).await).await
    }

    /// Builds what is checked out, and replays the plan as often as it takes to show the finding.
    async fn verdict(&self, commit: &str) -> Result<Verdict> {
        let target = self.folder.join("target");
        let mut build = Command::new("cargo");
        build.args(["build", "--locked", "--bin", "reenact"]).env("CARGO_TARGET_DIR", &target);
        if !ended(&self.stop, build.current_dir(self.tree())).await?.status.success() {
            return Ok(told(commit, Verdict::Skip("it does not build".into())));
        }
        let needed = self.record.runs_to_show();
        let (mut passed, mut nothing) = (0, 0);
        while passed < needed {
            let mut replay = Command::new(target.join("debug/reenact"));
            replay.arg("--results").arg(self.folder.join("runs")).arg("replay").arg(self.folder.join("plan.toml"));
            let Output { status, stdout, .. } =
                ended(&self.stop, replay.arg("--json").current_dir(self.tree())).await?;
            let reason = reason(&stdout);
            match status.code() {
                Some(1) if reason.as_deref().is_some_and(|reason| self.record.is_shown_by(reason)) => {
                    return Ok(told(commit, Verdict::Bad));
                }
                Some(0 | 1) => passed += 1,
                Some(2) => return Ok(told(commit, Verdict::Skip("it does not know the plan".into()))),
                _ if nothing < needed => nothing += 1,
                _ => return Ok(told(commit, Verdict::Skip("its runs come to no verdict".into()))),
            }
        }
        Ok(told(commit, Verdict::Good))
    }
}

fn told(commit: &str, verdict: Verdict) -> Verdict {
    let word = match &verdict {
        Verdict::Good => "does not have it",
        Verdict::Bad => "has it",
        Verdict::Skip(why) => why,
    };
    note(&format!("{commit}: {word}"));
    verdict
}

fn reason(stdout: &[u8]) -> Option<String> {
    let line: serde_json::Value = serde_json::from_slice(stdout.trim_ascii()).ok()?;
    line["reason"].as_str().map(str::to_owned)
}

/// Halves what lies between two commits by `git bisect`, in a work tree of its own.
async fn search(
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

async fn commit(stop: &Stop, root: &Path, name: &str) -> Result<String> {
    let found = git(stop, root, ["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).await;
    let none = || Error::usage(format!("there is no commit {name:?} here"), "name one that `git log` shows");
    found.map_err(|error| if matches!(error, Error::Inconclusive(_)) { error } else { none() })
}

/// Its hash and title.
async fn titled(stop: &Stop, root: &Path, commit: &str) -> Result<String> {
    git(stop, root, ["show", "--no-patch", "--format=%h %s", commit]).await
}

/// What git printed. Its exit code 2 with commits that were all skipped is an answer.
async fn git<A: AsRef<OsStr>>(stop: &Stop, folder: &Path, arguments: impl IntoIterator<Item = A>) -> Result<String> {
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
async fn ended(stop: &Stop, command: &mut Command) -> Result<Output> {
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
    use std::process;

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

    #[test]
    fn the_reason_is_that_of_the_run() {
        assert_eq!(reason(b"{\"id\":\"a\",\"reason\":\"3 are lost\"}\n").as_deref(), Some("3 are lost"));
        assert_eq!((reason(b"{\"reason\":null}"), reason(b"")), (None, None));
    }
}
