//! Harnesses and their reapers as processes, and what a harness keeps on disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use crate::{
    kill::{Kill, Target},
    marks::{Marks, Snapshot},
};

/// The harness's command line.
pub(crate) fn reenact(results: &Path, arguments: &[&str]) -> Command {
    let log = fs::File::create(results.join("stderr")).expect("the log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.arg("--results").arg(results).args(arguments);
    // A group of its own, for the kills of whole groups; killed on drop, so that a
    // test that panics leaves the rest to the reapers.
    command.process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command
}

/// Kills, and waits for the harness's own end only.
pub(crate) async fn strike(kill: &Kill, child: &mut Child, pid: u32, results: &Path) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id");
    if kill.target.with_reaper() {
        // The reaper first, for it would begin as soon as the harness is gone.
        let marks = Marks::of(results);
        for reaper in reaper_processes().into_iter().filter(|reaper| marks.bear(&reaper.session)) {
            let _ = kill_process(reaper.pid, Signal::KILL);
        }
    }
    // Until it was waited for, its id cannot be another's.
    if child.try_wait().expect("its state").is_none() {
        let sent = match kill.target {
            Target::Group => kill_process_group(pid, Signal::KILL),
            _ => kill_process(pid, Signal::KILL),
        };
        sent.expect("the kill is sent");
    }
    child.wait().await.expect("the harness ends");
}

struct ReaperProcess {
    pid: Pid,
    session: String,
}

/// The reapers that run, found by the variable that makes them one.
fn reaper_processes() -> Vec<ReaperProcess> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let reaper = |entry: fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let session = environment.split('\0').find_map(|pair| pair.strip_prefix("REENACT_REAP_SESSION="))?;
        Some(ReaperProcess { pid, session: session.to_owned() })
    };
    processes.filter_map(reaper).collect()
}

/// The same, a line each.
pub(crate) fn reapers() -> Snapshot {
    let line = |reaper: ReaperProcess| format!("reaper {} of {}", reaper.pid.as_raw_nonzero(), reaper.session);
    reaper_processes().into_iter().map(line).collect()
}

pub(crate) fn stderr_of(results: &Path) -> String {
    fs::read_to_string(results.join("stderr")).unwrap_or_default()
}

/// What the runs did so far.
pub(crate) fn journals(results: &Path) -> Vec<String> {
    let runs = folders(results).into_iter().flat_map(|session| folders(&session));
    runs.filter_map(|run| fs::read_to_string(run.join("events.jsonl")).ok()).collect()
}

/// What the runs did last, by their journals.
pub(crate) fn last_phase(results: &Path) -> String {
    let phase = |journal: String| {
        let notes = journal.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let phase = notes.into_iter().find(|note| note["kind"] == "phase")?;
        Some(phase["text"].as_str()?.chars().take(34).collect::<String>())
    };
    journals(results).into_iter().filter_map(phase).collect::<Vec<_>>().join(" | ")
}

pub(crate) fn folders(under: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(under).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}
