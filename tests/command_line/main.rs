//! The command line's contract: exit codes, what goes to which stream, what is kept,
//! and how it ends when it is stopped.
//!
//! What needs Docker (`runs`) is skipped without it, unless `REENACT_REQUIRE=all`.

mod alerts;
mod bisect;
#[path = "../called.rs"]
mod called;
mod check;
mod diagnose;
mod findings;
mod runs;

use std::{
    collections::BTreeSet,
    env, fs, io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
    time::Duration,
};

use called::{Done, NO_DAEMON, folder, reenact, run};
use scenarios as _;
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

/// A run that takes some ten seconds.
const TWIN: &str = "galera::twin_healthy_under_load";
const INCIDENT: &str = "galera::minority_partition";

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
    runs::is_kept(&Path::new(&merged).join("junit.xml"));
    say(&["merge", RECORDINGS, "--into", &merged]).await.ends(0, &["is there already"]);
    say(&["rescore", &merged]).await.ends(0, &[]);
    say(&["baseline", &merged, "--into", &baseline]).await.ends(0, &["kept in", &baseline]);
    let done = say(&["compare", &baseline, &merged, "--require-all", "--markdown", &page]).await;
    done.ends(0, &[]);
    assert!(done.stdout.contains("no regression"), "{}", done.stdout);
    assert!(fs::read_to_string(&page).expect("a page").contains("| scenario |"));
}

#[tokio::test]
async fn shards_are_asked_for_by_hand_or_told_by_the_environment() {
    for command in ["campaign", "run"] {
        for (shard, words) in [("3/2", "K from 1 to N"), ("auto/none", "auto/N"), ("2", "auto/N")] {
            say(&[command, "--shard", shard]).await.ends(2, &[words]);
        }
        let mut told = reenact(&[command, "--shard", "auto/2"]);
        told.env("REENACT_SHARD", "3").env("DOCKER_HOST", NO_DAEMON);
        run(&mut told).await.ends(2, &["REENACT_SHARD=3", "from 1 to 2"]);
    }
    say(&["run", TWIN, "--shard", "2/2"]).await.ends(2, &["the shard 2/2 has no scenario"]);
}

/// A campaign ends as the worst of its shards, and one without a result is the machine's fault.
#[tokio::test]
async fn merged_shards_end_as_their_campaign_did() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let keep = |number: u8, code: u8| {
        let shard = path(&number.to_string());
        let text = json!({ "shard": { "number": number, "of": 3 }, "seed": 1, "version": "1", "exit_code": code });
        fs::create_dir(&shard).expect("a folder");
        fs::write(Path::new(&shard).join("shard.json"), text.to_string()).expect("a file");
        shard
    };
    let (one, two) = (keep(1, 0), keep(2, 4));
    say(&["merge", RECORDINGS, "--into", &one]).await.ends(0, &[]);
    // The second one had nothing to run.
    let lost = ["the shard 3/3 is missing"];
    say(&["merge", &one, &two, "--into", &path("lost")]).await.ends(3, &lost);
    let three = keep(3, 0);
    say(&["merge", &one, &two, &three, "--into", &path("whole")]).await.ends(4, &[]);
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
        assert_ne!(done.code, Some(101), "{}", done.stderr);
    }
    let mut failing = reenact(&["run", "no_such_scenario"]);
    let done = run(failing.stdout(closed_pipe()).stderr(closed_pipe())).await;
    assert_eq!(done.code, Some(2));
}

/// The writing end of a pipe that nobody reads any more.
fn closed_pipe() -> OwnedFd {
    let (_reader, writer) = io::pipe().expect("a pipe");
    writer.into()
}
