//! The command line's contract: exit codes, what goes to which stream, what is kept,
//! and how it ends when it is stopped.
//!
//! What needs Docker is skipped without it, unless `REENACT_REQUIRE=all`.

mod alerts;

use std::{
    collections::BTreeSet,
    env, fs, io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use reenact::testbed::{Leftovers, SESSION_LABEL, connect};
use rustix::process::{Pid, Signal, kill_process};
use scenarios as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// No command of this test may take longer; what hangs fails.
const LIMIT: Duration = Duration::from_secs(150);
/// A daemon's address where nothing is.
const NO_DAEMON: &str = "unix:///nonexistent/docker.sock";
/// A run that takes some ten seconds.
const TWIN: &str = "galera::twin_healthy_under_load";
const INCIDENT: &str = "galera::minority_partition";

fn reenact(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.args(arguments).env_remove("REENACT_RESULTS").env_remove("REENACT_LOG").env_remove("REENACT_REQUIRE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// What a command did.
struct Done {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Done {
    fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Holds the exit code, and that standard error tells all of `words`.
    #[track_caller]
    fn ends(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code(), Some(code), "{}\n{}", self.status, self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in: {}", self.stderr);
        }
    }
}

async fn finish(child: Child) -> Done {
    let ended = timeout(LIMIT, child.wait_with_output()).await.expect("it does not hang");
    let Output { status, stdout, stderr } = ended.expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let done = Done { status, stdout: text(stdout), stderr: text(stderr) };
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    done
}

async fn run(command: &mut Command) -> Done {
    finish(command.spawn().expect("the binary")).await
}

async fn say(arguments: &[&str]) -> Done {
    run(reenact(arguments).env("DOCKER_HOST", NO_DAEMON)).await
}

async fn list() -> Vec<Value> {
    let done = say(&["list", "--json"]).await;
    done.ends(0, &[]);
    match serde_json::from_str(&done.stdout).expect("JSON and nothing else") {
        Value::Array(rows) => rows,
        other => panic!("no array: {other}"),
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {row}"))
}

// What needs no daemon.

#[tokio::test]
async fn list_is_one_array_sorted_and_unique() {
    let rows = list().await;
    let ids: Vec<_> = rows.iter().map(|row| text(row, "id")).collect();
    assert!(ids.len() > 5, "{ids:?}");
    assert!(ids.is_sorted_by(|a, b| a < b), "neither twice nor out of order: {ids:?}");
}

#[tokio::test]
async fn list_tells_of_each_step_of_the_contract_that_it_is_proved_or_why_not() {
    let done = say(&["list", "--contract", "--json"]).await;
    done.ends(0, &[]);
    let rows: Vec<Value> = serde_json::from_str(&done.stdout).expect("one array");
    assert_eq!(rows.len(), list().await.len());
    const STEPS: [&str; 8] = ["steady", "injected", "faithful", "detected", "stuck", "wrong", "ended", "clean"];
    for row in rows {
        let id = text(&row, "id");
        let steps = row["steps"].as_object().expect("steps");
        assert_eq!(steps.len(), STEPS.len(), "{id}");
        for step in STEPS {
            let reason = steps[step]["reason"].as_str().is_some_and(|why| why.len() > 10);
            assert!(steps[step] == "proved" || reason, "{id}: {step}: {}", steps[step]);
        }
        let healed = row["kind"] == "incident";
        assert!(!healed || steps["detected"] == "proved", "{id}");
    }
}

#[tokio::test]
async fn list_shows_every_scenario_to_people() {
    let done = say(&["list"]).await;
    done.ends(0, &[]);
    for row in list().await {
        assert!(done.stdout.contains(text(&row, "id")), "{}", done.stdout);
    }
}

#[tokio::test]
async fn explain_tells_each_scenario() {
    for row in list().await {
        let done = say(&["explain", text(&row, "id")]).await;
        done.ends(0, &[]);
        let fingerprints = row["fingerprints"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let told = [text(&row, "id"), text(&row, "story"), text(&row, "source")];
        let told = told.into_iter().chain(row["detector"].as_str()).chain(fingerprints);
        for part in told {
            assert!(!part.is_empty() && done.stdout.contains(part), "no {part:?} in: {}", done.stdout);
        }
    }
}

#[tokio::test]
async fn explain_suggests_what_is_near() {
    let near = ["non_primary_wedge", "galera::non_primary_wedg", "galera::non_primary_wegde", "galera::wedge"];
    for id in near {
        say(&["explain", id]).await.ends(2, &["did you mean", "galera::non_primary_wedge"]);
    }
    say(&["explain", "galera::zzz"]).await.ends(2, &["reenact list"]);
}

#[tokio::test]
async fn a_wrong_request_is_told_before_docker_is_needed() {
    say(&["run", "no_such_scenario"]).await.ends(2, &["no_such_scenario", "reenact list"]);
    say(&["run", "galera::two_primarys"]).await.ends(2, &["did you mean", "galera::two_primaries"]);
    say(&["run", INCIDENT, "no_such_scenario"]).await.ends(2, &["no_such_scenario"]);
    say(&["frobnicate"]).await.ends(2, &["frobnicate", "--help"]);
    say(&["run", "--repeat", "0"]).await.ends(2, &["--repeat"]);
    say(&["run", "--jobs", "0"]).await.ends(2, &["--jobs"]);
    say(&["run", "--seed", "one"]).await.ends(2, &["--seed"]);
    say(&["bench", "inject", "--runs", "0"]).await.ends(2, &["--runs"]);
    say(&["replay", "/nonexistent.toml"]).await.ends(2, &["/nonexistent.toml"]);
}

/// Of each line what is wrong there, and what is allowed.
#[tokio::test]
async fn a_wrong_plan_is_told_before_anything_is_deployed() {
    let folder = folder();
    let plan = folder.path().join("plan.toml");
    for (fault, words) in [
        ("kind = 'power_off'\nnodes = ['n1']\nlasts = '3s'", ["line 2", "`lasts` does nothing"]),
        ("kind = 'kill'\nnode = 'n1'\nprocess = 'mariadbd'\nsignal = 'KILL'\nlasts = '3s'", ["line 2", "`lasts` does"]),
        ("kind = 'pause'\nnode = 'n9'", ["line 2", "no node `n9`; there are: n1, n2, n3"]),
        ("kind = 'partition'\nleft = ['n1']\nright = ['n2', 'm3']", ["line 2", "no node `m3`"]),
        ("kind = 'melt'\nnode = 'n1'", ["line 2", "unknown kind `melt`; there are: partition"]),
    ] {
        fs::write(&plan, format!("system = 'galera'\n[[fault]]\nat = '1s'\n{fault}\n")).expect("a file");
        say(&["replay", &plan.to_string_lossy()]).await.ends(2, &words);
    }
}

#[tokio::test]
async fn what_cannot_be_read_back_is_told() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (none, empty, broken, newer, file) =
        (path("none"), path("empty"), path("broken"), path("newer.json"), path("file.json"));
    fs::create_dir(&empty).expect("a folder");
    fs::create_dir_all(format!("{broken}/a.one.1")).expect("a folder");
    fs::write(format!("{broken}/a.one.1/score.json"), "{\"id\": 7}").expect("a file");
    fs::write(&newer, r#"{"reenact_baseline": 99, "scenarios": 7}"#).expect("a file");
    fs::write(&file, "{}").expect("a file");
    let into = path("into");
    for wrong in [&none, &empty, &broken] {
        for arguments in [
            &["rescore", wrong][..],
            &["compare", wrong, wrong],
            &["merge", wrong, "--into", &into],
            &["pack", wrong, "--into", &into],
            &["baseline", wrong, "--into", &into],
            &["bench", "rescore", wrong],
        ] {
            say(arguments).await.ends(2, &[wrong, "help:"]);
        }
    }
    say(&["rescore", &broken]).await.ends(2, &["a.one.1/score.json is no score", "line 1"]);
    say(&["compare", &newer, &newer]).await.ends(2, &["version 99, not 1", "reenact baseline"]);
    say(&["compare", &file, &file]).await.ends(2, &["is no baseline", "reenact_baseline"]);
    say(&["rescore"]).await.ends(2, &["RUN_DIR", "--help"]);
    say(&["merge", &empty]).await.ends(2, &["--into"]);
}

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recordings");

#[tokio::test]
async fn recordings_are_rescored_compared_and_merged_without_docker() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (merged, baseline, page) = (path("merged"), path("baseline.json"), path("page.md"));
    let done = say(&["rescore", RECORDINGS]).await;
    done.ends(0, &[]);
    assert!(done.stdout.contains("all verdicts are the same"), "{}", done.stdout);
    say(&["merge", RECORDINGS, "--into", &merged]).await.ends(0, &[]);
    is_kept(&Path::new(&merged).join("junit.xml"));
    say(&["merge", RECORDINGS, "--into", &merged]).await.ends(0, &["is there already"]);
    say(&["rescore", &merged]).await.ends(0, &[]);
    say(&["baseline", &merged, "--into", &baseline]).await.ends(0, &["kept in", &baseline]);
    let done = say(&["compare", &baseline, &merged, "--require-all", "--markdown", &page]).await;
    done.ends(0, &[]);
    assert!(done.stdout.contains("no regression"), "{}", done.stdout);
    assert!(fs::read_to_string(&page).expect("a page").contains("| scenario |"));
}

/// A detector that says something else, or a write that is lost, is exit code 1.
#[tokio::test]
async fn what_differs_is_told_by_the_exit_code() {
    let folder = folder();
    let merged = folder.path().join("merged");
    let merged = merged.to_string_lossy();
    say(&["merge", RECORDINGS, "--into", &merged]).await.ends(0, &[]);
    let first = fs::read_dir(&*merged).expect("runs").flatten().find(|run| run.path().is_dir()).expect("a run");
    let score = first.path().join("score.json");
    let mut told: Value = serde_json::from_slice(&fs::read(&score).expect("a score")).expect("JSON");
    told["score"]["lost"] = 3.into();
    told["score"]["detectors"]["bosh/zombie_holder"] = "was here".into();
    fs::write(&score, told.to_string()).expect("a score");
    let done = say(&["rescore", &merged]).await;
    done.ends(1, &[]);
    assert!(done.stdout.contains("was here →"), "{}", done.stdout);
    let done = say(&["compare", RECORDINGS, &merged, "--json"]).await;
    done.ends(1, &[]);
    let told: Value = serde_json::from_str(&done.stdout).expect("one object");
    assert_eq!(told["worse"][0]["what"], "lost_writes", "{told}");
    say(&["rescore", "--accept", &merged]).await.ends(0, &["were put down"]);
    say(&["rescore", &merged]).await.ends(0, &[]);
}

#[tokio::test]
async fn a_wrong_image_is_told() {
    for pair in ["galera", "=galera", "galera="] {
        say(&["run", "--image", pair, TWIN]).await.ends(2, &[pair, "NAME=IMAGE"]);
    }
    say(&["run", "--image", "galerra=mine", TWIN]).await.ends(2, &["galerra", "there are", "galera"]);
}

#[tokio::test]
async fn without_a_daemon_it_says_what_to_do() {
    for arguments in [&["run", TWIN][..], &["clean"], &["bench", "inject"]] {
        let done = say(arguments).await;
        done.ends(3, &["no Docker daemon", NO_DAEMON, "help: start Docker", "DOCKER_HOST"]);
        assert_eq!(done.stdout, "");
    }
    let done = say(&["doctor"]).await;
    done.ends(3, &[]);
    assert!(done.stdout.contains("MISSING daemon") && done.stdout.contains("help: start Docker"), "{}", done.stdout);
}

#[tokio::test]
async fn doctor_tells_machines_too() {
    let done = say(&["doctor", "--json"]).await;
    done.ends(3, &[]);
    let checks: Vec<Value> = serde_json::from_str(&done.stdout).expect("one array");
    let daemon = checks.iter().find(|check| check["name"] == "daemon").expect("the daemon is checked");
    assert_eq!(daemon["ok"], false);
    assert!(text(daemon, "help").contains("DOCKER_HOST"), "{daemon}");
}

/// It takes the connection and says nothing, as a daemon that is stuck.
#[tokio::test]
async fn a_silent_daemon_is_not_waited_for() {
    let folder = folder();
    let socket = folder.path().join("docker.sock");
    // The kernel accepts into the backlog; nobody ever reads.
    let _listener = UnixListener::bind(&socket).expect("a socket");
    let host = format!("unix://{}", socket.display());
    let mut clean = reenact(&["clean"]);
    let done = timeout(Duration::from_secs(30), run(clean.env("DOCKER_HOST", &host))).await;
    done.expect("an end within its own limit of 10 s").ends(3, &["does not answer within", &host, "help:"]);
}

#[tokio::test]
async fn closed_streams_are_no_panic() {
    for arguments in [&["list"][..], &["list", "--json"], &["explain", INCIDENT], &["doctor"]] {
        let mut command = reenact(arguments);
        let done = run(command.env("DOCKER_HOST", NO_DAEMON).stdout(closed_pipe())).await;
        assert_ne!(done.code(), Some(101), "{}", done.stderr);
    }
    let mut failing = reenact(&["run", "no_such_scenario"]);
    let done = run(failing.stdout(closed_pipe()).stderr(closed_pipe())).await;
    assert_eq!(done.code(), Some(2));
}

/// The writing end of a pipe that nobody reads any more.
fn closed_pipe() -> OwnedFd {
    let (_reader, writer) = io::pipe().expect("a pipe");
    writer.into()
}

// What needs Docker.

/// Whether to go on: without a daemon, a skip with its reason.
async fn docker() -> bool {
    let Err(error) = connect().await else { return true };
    assert!(env::var("REENACT_REQUIRE").as_deref() != Ok("all"), "{error}");
    eprintln!("skipped: {error}");
    false
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn keeping_in(results: &Path, arguments: &[&str]) -> Command {
    let mut command = reenact(arguments);
    command.arg("--results").arg(results);
    command
}

/// The folder of the only session that was kept there.
fn only_folder_in(results: &Path) -> PathBuf {
    let mut folders = fs::read_dir(results).expect("the results").map(|entry| entry.expect("an entry").path());
    let first = folders.next().expect("a folder");
    assert!(folders.next().is_none(), "one run makes one folder");
    first
}

/// Holds that the daemon has nothing of the session whose folder that is.
async fn nothing_is_left_of(session: &Path) {
    let id = session.file_name().expect("a name").to_string_lossy();
    let docker = connect().await.expect("the daemon");
    let left = Leftovers::find(&docker, &format!("{SESSION_LABEL}={id}")).await.expect("the daemon lists");
    assert!(left.is_empty(), "{left}: {left:?}");
}

#[tokio::test]
async fn run_json_prints_one_object_a_line_and_keeps_the_evidence() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = run(&mut keeping_in(results.path(), &["run", TWIN, "--json", "--seed", "7"])).await;
    let lines: Vec<_> = done.stdout.lines().collect();
    let [line] = lines[..] else { panic!("not one line: {}", done.stdout) };
    let told: Value = serde_json::from_str(line).expect("one object");
    holds_the_fields(&told);
    assert_eq!((text(&told, "id"), &told["seed"]), (TWIN, &Value::from(7)));
    // A twin may be inconclusive on a machine that is too busy; the code must say so.
    let expected = match text(&told, "outcome") {
        "pass" => 0,
        "inconclusive" => 4,
        _ => 1,
    };
    done.ends(expected, &[TWIN]);
    let session = only_folder_in(results.path());
    let run_dir = PathBuf::from(text(&told, "run_dir"));
    assert_eq!(run_dir.parent(), Some(session.as_path()));
    for file in ["junit.xml", "report.html", "about.json"] {
        is_kept(&session.join(file));
    }
    for file in
        ["score.json", "observations.jsonl", "states.jsonl", "events.jsonl", "ledger.jsonl", "n1.log", "n1.json"]
    {
        is_kept(&run_dir.join(file));
    }
    nothing_is_left_of(&session).await;
}

fn holds_the_fields(told: &Value) {
    let fields: BTreeSet<_> = told.as_object().expect("an object").keys().map(String::as_str).collect();
    let required = [
        "id",
        "outcome",
        "reason",
        "seed",
        "inject_ms",
        "detect_ms",
        "recover_ms",
        "fingerprints",
        "detectors",
        "false_alarms",
        "acked",
        "lost",
        "duration_ms",
        "run_dir",
    ];
    let missing: Vec<_> = required.iter().filter(|field| !fields.contains(*field)).collect();
    assert!(missing.is_empty(), "no {missing:?} in {told}");
    assert!(told["fingerprints"]["seen"].is_u64() && told["fingerprints"]["total"].is_u64(), "{told}");
    let detectors = told["detectors"].as_object().expect("detectors by id");
    assert!(!detectors.is_empty());
    let words = ["quiet", "fired", "unknown"];
    assert!(detectors.values().all(|word| words.iter().any(|known| word == known)), "{told}");
    assert!(told["false_alarms"].is_array(), "{told}");
    for number in ["acked", "lost", "duration_ms"] {
        assert!(told[number].is_u64(), "{number} in {told}");
    }
}

/// There, and each of its lines JSON where its name says so.
#[track_caller]
fn is_kept(path: &Path) {
    let content = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!content.is_empty(), "{} is empty", path.display());
    if path.extension().is_some_and(|kind| kind == "jsonl") {
        for line in content.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
        }
    }
}

#[tokio::test]
async fn a_sham_proves_nothing() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = run(&mut keeping_in(results.path(), &["run", INCIDENT, "--sham", "--json"])).await;
    let told: Value = serde_json::from_str(&done.stdout).expect("one object");
    done.ends(4, &[]);
    assert_eq!(text(&told, "outcome"), "inconclusive");
    assert!(text(&told, "reason").contains("effect"), "{told}");
    nothing_is_left_of(&only_folder_in(results.path())).await;
}

#[tokio::test]
async fn results_that_cannot_be_written_are_told() {
    if !docker().await {
        return;
    }
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("a file");
    // Also root cannot make a folder in /proc.
    for results in [file.as_path(), Path::new("/proc/reenact")] {
        let shown = results.to_string_lossy();
        run(&mut keeping_in(results, &["run", TWIN])).await.ends(3, &["could not create", &shown]);
        let done = run(&mut keeping_in(results, &["doctor"])).await;
        done.ends(3, &[]);
        assert!(done.stdout.contains("MISSING results") && done.stdout.contains("--results"), "{}", done.stdout);
    }
}

#[tokio::test]
async fn an_image_that_is_not_there_is_told() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = run(&mut keeping_in(results.path(), &["run", INCIDENT, "--image", "galera=reenact/none:0"])).await;
    done.ends(3, &["reenact/none:0", "help:"]);
}

/// A request that the daemon was at when the signal came may still make something, so
/// the signal comes at several stages of making a testbed.
#[tokio::test]
async fn a_signal_ends_it_cleanly() {
    if !docker().await {
        return;
    }
    let moments = [(Signal::INT, "SIGINT", 1), (Signal::TERM, "SIGTERM", 2), (Signal::INT, "SIGINT", 5)];
    for (signal, name, containers) in moments {
        let results = folder();
        let child = keeping_in(results.path(), &["run", INCIDENT, "--json"]).spawn().expect("the binary");
        let pid = Pid::from_raw(child.id().expect("it runs").cast_signed()).expect("a process id");
        until_it_has(containers, results.path()).await;
        kill_process(pid, signal).expect("the signal is sent");
        let done = finish(child).await;
        done.ends(4, &[name, "everything was removed"]);
        assert_eq!(done.stdout, "", "no result was reached");
        nothing_is_left_of(&only_folder_in(results.path())).await;
    }
}

/// Waits until the only session in `results` has as many containers.
async fn until_it_has(containers: usize, results: &Path) {
    let docker = connect().await.expect("the daemon");
    let made = async {
        loop {
            let session = fs::read_dir(results).into_iter().flatten().flatten().next();
            if let Some(session) = session {
                let label = format!("{SESSION_LABEL}={}", session.file_name().to_string_lossy());
                let there = Leftovers::find(&docker, &label).await.expect("the daemon lists");
                if there.containers.len() >= containers {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, made).await.expect("containers are made");
}

#[tokio::test]
async fn two_at_once_do_not_disturb_each_other() {
    if !docker().await {
        return;
    }
    let results = folder();
    let bench = || async { run(&mut keeping_in(results.path(), &["bench", "inject", "--runs", "3", "--json"])).await };
    let (first, second) = tokio::join!(bench(), bench());
    for done in [first, second] {
        done.ends(0, &[]);
        serde_json::from_str::<Vec<Value>>(&done.stdout).expect("one array");
    }
}
