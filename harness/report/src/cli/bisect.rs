//! `reenact bisect`: which commit brought a finding.

mod search;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use clap::Args;
use tokio::process::Command;

use super::{rescore::note, say};
use reenact_core::{Error, Result, file};
use reenact_run::campaign::{Findings, Record, Schedule};
use search::{Origin, Stop, Verdict, commit, ended, git, search, titled};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_that_of_the_run() {
        assert_eq!(reason(b"{\"id\":\"a\",\"reason\":\"3 are lost\"}\n").as_deref(), Some("3 are lost"));
        assert_eq!((reason(b"{\"reason\":null}"), reason(b"")), (None, None));
    }
}
