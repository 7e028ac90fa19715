//! Who starts a reaper is started again as one, and must notice it. This binary is started
//! three times: as the test, as one that forgets to, and as one that does.

use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, ExitCode},
};

use reenact_testbed::reaper::{self, Reaper};

/// What the process is to be: empty for the test itself.
const ROLE: &str = "REENACT_TEST_ROLE";
/// A file that each process of a role adds a line to.
const STARTED: &str = "REENACT_TEST_STARTED";
/// More of them are a chain without an end.
const TOO_MANY: usize = 5;

fn main() -> ExitCode {
    let started = env::var(STARTED).unwrap_or_default();
    match env::var(ROLE).as_deref() {
        Ok("forgets") => start(Path::new(&started), &[]),
        Ok("remembers") => {
            reaper::intercept();
            start(Path::new(&started), &[])
        }
        Ok("is_killed") => {
            reaper::intercept();
            start(Path::new(&started), &["HUP", "INT", "QUIT", "TERM"])
        }
        Ok("is_killed_for_good") => {
            reaper::intercept();
            start(Path::new(&started), &["KILL"])
        }
        _ => {
            // As `cargo test` lists and filters: there is one test.
            if !env::args().any(|argument| argument == "--list") {
                a_binary_that_never_intercepts_is_told_so_and_started_once_more();
                a_binary_that_intercepts_has_a_reaper();
                what_ends_every_process_of_the_name_does_not_end_the_reaper();
            }
            ExitCode::SUCCESS
        }
    }
}

/// Starts a reaper, sends it the signals, and tells what came of it.
fn start(started: &Path, signals: &[&str]) -> ExitCode {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(started).expect("the file");
    writeln!(file, "started").expect("a line");
    if lines(started) > TOO_MANY {
        return ExitCode::from(99);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(Reaper::start("nobody")) {
        Ok(reaper) => {
            for signal in signals {
                let own = std::process::id().to_string();
                let sent = Command::new("pkill").args(["--signal", signal, "--parent", &own]).status().expect("pkill");
                assert!(sent.success(), "no reaper is there to be sent {signal}");
            }
            if reaper.dismiss() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            writeln!(std::io::stderr(), "{error}").expect("standard error");
            ExitCode::from(error.exit_code())
        }
    }
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).expect("the file").lines().count()
}

/// Runs a role: its exit code, what it said, and how many processes had it.
fn play(role: &str) -> (Option<i32>, String, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let started = folder.path().join("started");
    let mut command = Command::new(env::current_exe().expect("this binary"));
    let done = command.env(ROLE, role).env(STARTED, &started).output().expect("it runs");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned(), lines(&started))
}

fn a_binary_that_never_intercepts_is_told_so_and_started_once_more() {
    let (code, said, processes) = play("forgets");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("reaper::intercept()"), "{said}");
    assert_eq!(processes, 2, "itself, and the one that is no reaper: {said}");
}

fn a_binary_that_intercepts_has_a_reaper() {
    let (code, said, processes) = play("remembers");
    assert_eq!((code, said.as_str(), processes), (Some(0), "", 1));
}

fn what_ends_every_process_of_the_name_does_not_end_the_reaper() {
    assert_eq!(play("is_killed"), (Some(0), String::new(), 1));
    assert_eq!(play("is_killed_for_good"), (Some(1), String::new(), 1));
}
