//! `reenact bisect`, stopped in the middle: what ran is ended, what it made is gone, and what is left is said.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use super::called::{Done, NO_DAEMON, finish, folder, reenact};

/// Longer than two programs take to start on any machine.
const STARTED: Duration = Duration::from_secs(60);

/// A compiler that makes a part and goes on for ever, with a child as it has.
const COMPILES_FOR_EVER: &str = r#"
mkdir -p "$CARGO_TARGET_DIR/debug" && echo half > "$CARGO_TARGET_DIR/debug/part"
sleep 3600 & echo $! > "$MARK.new"; mv "$MARK.new" "$MARK"; wait
"#;

/// A compiler that makes a program, which plays for ever, and cleans up when it is ended.
const PLAYS_FOR_EVER: &str = r#"
mkdir -p "$CARGO_TARGET_DIR/debug"
cat > "$CARGO_TARGET_DIR/debug/reenact" <<'END'
#!/bin/sh
mkdir -p "$2"
trap 'kill $child; echo done > "$MARK.cleaned"; exit 4' TERM
sleep 3600 & child=$!; echo $child > "$MARK.new"; mv "$MARK.new" "$MARK"; wait
END
chmod +x "$CARGO_TARGET_DIR/debug/reenact"
"#;

/// A repository of two commits, a finding, and stand-ins for programs that `bisect` calls.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(cargo: &str) -> Self {
        let place = Self { folder: folder() };
        fs::create_dir_all(place.path("repository")).expect("a folder");
        place.git(&["init", "--quiet"]);
        for title in ["one", "two"] {
            place.git(&["commit", "--quiet", "--allow-empty", "-m", title]);
        }
        let plan = "system = 'galera'\n[finding]\nreason = 'stuck'\nis_minimal = true\n";
        fs::write(place.path("galera-1.toml"), plan).expect("a plan");
        place.stand_in("cargo", cargo);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stand_in(&self, name: &str, text: &str) {
        let path = self.path("programs").join(name);
        fs::create_dir_all(self.path("programs")).expect("a folder");
        fs::write(&path, format!("#!/bin/sh\n{text}")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be called");
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = process::Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]).args(arguments);
        let output = git.current_dir(self.path("repository")).output().expect("git");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Calls `bisect`, and sends it a signal as soon as a stand-in has left its mark.
    async fn stopped(&self, signal: Signal) -> Done {
        let (results, plan) = (self.path("results"), self.path("galera-1.toml"));
        let arguments = ["--results", text(&results), "bisect", text(&plan), "HEAD~1", "HEAD"];
        let mut call = reenact(&arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        call.env("PATH", format!("{}:{path}", text(&self.path("programs")))).env("MARK", self.path("mark"));
        call.env("DOCKER_HOST", NO_DAEMON).current_dir(self.path("repository"));
        let child = call.spawn().expect("the binary");
        let pid = Pid::from_raw(child.id().expect("it runs").cast_signed()).expect("a process id");
        let marked = async {
            while !self.path("mark").exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(STARTED, marked).await.expect("the stand-in runs");
        kill_process(pid, signal).expect("the signal is sent");
        finish(child).await
    }

    /// What `bisect` has left of its own folder.
    fn left(&self) -> Vec<String> {
        let all = fs::read_dir(self.path("results")).expect("results").map(|entry| entry.expect("readable").path());
        let all: Vec<_> = all.flat_map(|folder| fs::read_dir(folder).expect("a folder")).collect();
        let mut names: Vec<_> =
            all.into_iter().map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Whether the child of a stand-in still runs; one that nobody has waited for does not.
    fn child_runs(&self) -> bool {
        let pid = fs::read_to_string(self.path("mark")).expect("a mark");
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test]
async fn stopped_while_it_compiles_it_ends_the_compilers_and_removes_its_tree() {
    for (signal, name) in [(Signal::TERM, "stopped by SIGTERM"), (Signal::INT, "stopped by SIGINT")] {
        let place = Place::new(COMPILES_FOR_EVER);
        let done = place.stopped(signal).await;
        done.ends(4, &[name, "the plan and its runs are left in", "bisect-"]);
        assert_eq!((place.left(), place.child_runs()), (vec!["plan.toml".to_owned()], false));
        assert_eq!(place.git(&["worktree", "list"]).lines().count(), 1, "no work tree is left");
        assert_eq!(place.git(&["for-each-ref", "refs/bisect"]), "");
    }
}

#[tokio::test]
async fn stopped_while_it_plays_it_waits_for_the_run_to_clean_up_and_leaves_the_runs() {
    let place = Place::new(PLAYS_FOR_EVER);
    place.stopped(Signal::TERM).await.ends(4, &["stopped by SIGTERM"]);
    assert!(place.path("mark.cleaned").exists() && !place.child_runs());
    assert_eq!(place.left(), ["plan.toml", "runs"]);
    assert_eq!(place.git(&["worktree", "list"]).lines().count(), 1, "no work tree is left");
}

#[tokio::test]
async fn what_it_cannot_remove_is_said_with_the_way_out() {
    let place = Place::new(COMPILES_FOR_EVER);
    let git = "case \"$*\" in *prune*) echo 'no such luck' >&2; exit 1;; esac\nPATH=${PATH#*:} exec git \"$@\"\n";
    place.stand_in("git", git);
    let words = ["stopped by SIGTERM; and the work tree", "no such luck", "git worktree prune", "bisect-"];
    place.stopped(Signal::TERM).await.ends(3, &words);
}
