//! What needs Docker: real runs, what they keep, and what they leave.

use std::path::PathBuf;

use reenact::testbed::{Leftovers, SESSION_LABEL, connect};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    called::{docker, finish},
    *,
};

/// Containers are made within this, or never.
const MADE: Duration = Duration::from_secs(150);

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
pub fn is_kept(path: &Path) {
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
    timeout(MADE, made).await.expect("containers are made");
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
