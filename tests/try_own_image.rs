//! `reenact try`: a service of the user's own, stopped under load.
//!
//! What needs Docker is skipped without it, unless `REENACT_REQUIRE=all`.

mod called;

use std::{
    fs,
    path::{Path, PathBuf},
};

use called::{Done, NO_DAEMON, docker, folder, reenact, run};
use reenact::testbed::{Leftovers, SESSION_LABEL, connect};
use scenarios as _;
use serde_json::Value;
use tempfile::TempDir;

const LOSSY: &str = "own-service.toml";
const FIXED: &str = "own-service-fixed.toml";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

/// The only object on standard output.
fn object(done: &Done) -> Value {
    let lines: Vec<_> = done.stdout.lines().collect();
    let [line] = lines[..] else { panic!("not one line: {}\n{}", done.stdout, done.stderr) };
    serde_json::from_str(line).expect("one object")
}

async fn attempt(file: &Path, results: &Path, more: &[&str], daemon: Option<&str>) -> Done {
    let mut command = reenact(&["try"]);
    command.arg(file).arg("--results").arg(results).args(more);
    if let Some(daemon) = daemon {
        command.env("DOCKER_HOST", daemon);
    }
    run(&mut command).await
}

/// The lossy example with some of its text replaced.
fn changed(folder: &TempDir, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = fs::read_to_string(example(LOSSY)).expect("the example");
    for (from, to) in changes {
        assert!(text.contains(from), "no {from:?} in the example");
        text = text.replace(from, to);
    }
    let path = folder.path().join("service.toml");
    fs::write(&path, text).expect("a file");
    path
}

/// Holds that the daemon has nothing of the session that a run belongs to.
async fn nothing_is_left_of(run_dir: &Path) {
    let session = run_dir.parent().and_then(Path::file_name).expect("a session").to_string_lossy();
    let docker = connect().await.expect("the daemon");
    let left = Leftovers::find(&docker, &format!("{SESSION_LABEL}={session}")).await.expect("the daemon lists");
    assert!(left.is_empty(), "{left}: {left:?}");
}

fn run_dir(told: &Value) -> PathBuf {
    PathBuf::from(told["run_dir"].as_str().expect("the run's folder"))
}

fn figure(told: &Value, name: &str) -> f64 {
    told["figures"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {told}"))
}

#[tokio::test]
async fn a_broken_file_is_told_before_docker_is_needed() {
    let folder = folder();
    let broken = changed(&folder, &[("grace = ", "grase = ")]);
    let done = attempt(&broken, folder.path(), &[], Some(NO_DAEMON)).await;
    done.ends(2, &["at line ", "^", "grase", "grace", "docs/try.md"]);
    let done = attempt(Path::new("/nonexistent.toml"), folder.path(), &[], Some(NO_DAEMON)).await;
    done.ends(2, &["/nonexistent.toml", "docs/try.md"]);
    attempt(&example(LOSSY), folder.path(), &[], Some(NO_DAEMON)).await.ends(3, &["no Docker daemon"]);
}

#[tokio::test]
async fn an_image_that_is_not_there_is_told() {
    if !docker().await {
        return;
    }
    let folder = folder();
    let file = changed(&folder, &[("reenact:services", "reenact.invalid/none:0")]);
    let done = attempt(&file, folder.path(), &[], None).await;
    done.ends(3, &["reenact.invalid/none:0", "docker pull", "docker build"]);
    let file = changed(&folder, &[("reenact:services", "reenact:servicez")]);
    attempt(&file, folder.path(), &[], None).await.ends(2, &["servicez", "there are", "services"]);
}

#[tokio::test]
async fn the_lossy_example_loses_updates() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = attempt(&example(LOSSY), results.path(), &["--json"], None).await;
    let told = object(&done);
    done.ends(1, &[]);
    assert_eq!(told["outcome"], "fail");
    assert!(figure(&told, "lost") > 0.0 && figure(&told, "acknowledged") > figure(&told, "lost"), "{told}");
    assert_eq!((figure(&told, "duplicates"), figure(&told, "exit_code")), (0.0, 0.0), "{told}");
    assert!(told["meaning"].to_string().contains("lost after the answer"), "{told}");
    for file in ["score.json", "observations.jsonl", "events.jsonl", "ledger.jsonl", "app1.log", "app1.json", "db.log"]
    {
        let length = fs::metadata(run_dir(&told).join(file)).expect(file).len();
        assert!(length > 0, "{file} is empty");
    }
    nothing_is_left_of(&run_dir(&told)).await;
}

#[tokio::test]
async fn the_fixed_example_loses_nothing() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = attempt(&example(FIXED), results.path(), &["--json"], None).await;
    let told = object(&done);
    done.ends(0, &[]);
    assert_eq!(told["outcome"], "pass");
    assert_eq!((figure(&told, "lost"), figure(&told, "duplicates")), (0.0, 0.0), "{told}");
    assert!(figure(&told, "waiting") > 0.0, "something was at risk: {told}");
    nothing_is_left_of(&run_dir(&told)).await;
}

/// Killed, the service with an outbox loses nothing once it is started again; and what
/// its replicas show over HTTP or a command prints is counted as what SQL says.
#[tokio::test]
async fn a_killed_outbox_is_whole_after_a_restart() {
    if !docker().await {
        return;
    }
    let folder = folder();
    let changes = [
        ("VARIANT = \"spawn\"", "WORKERS = \"80\"\nVARIANT = \"outbox\""),
        ("signal = \"TERM\"", "signal = \"KILL\"\nreplicas = 1\nrestart = true"),
        (
            "sql = \"SELECT request_id FROM effects\"",
            "command = { on = \"db\", run = [\"psql\", \"-Atqh\", \"db\", \"-U\", \"app\", \"app\", \"-c\", \"SELECT request_id FROM effects\"] }",
        ),
    ];
    let done = attempt(&changed(&folder, &changes), folder.path(), &["--json"], None).await;
    let told = object(&done);
    done.ends(0, &[]);
    assert_eq!((figure(&told, "lost"), figure(&told, "exit_code")), (0.0, 137.0), "{told}");
    assert!(figure(&told, "waiting") > 0.0, "{told}");
}

#[tokio::test]
async fn work_that_is_longer_than_the_grace_is_cut_off() {
    if !docker().await {
        return;
    }
    let folder = folder();
    let changes = [
        ("VARIANT = \"spawn\"", "VARIANT = \"tracker\""),
        ("WORK_MS = \"1000\"", "WORK_MS = \"5000\""),
        ("grace = \"30s\"", "grace = \"2s\""),
        ("clients = 6", "clients = 6\nbefore = \"8s\""),
    ];
    let done = attempt(&changed(&folder, &changes), folder.path(), &["--repeat", "1"], None).await;
    done.ends(1, &[]);
    for words in ["DOES NOT HOLD", "exit code 137", "OVERRUN", "Killed before the drain ended", "kept in"] {
        assert!(done.stdout.contains(words), "no {words:?} in: {}", done.stdout);
    }
}

#[tokio::test]
async fn a_service_that_is_never_ready_proves_nothing() {
    if !docker().await {
        return;
    }
    let folder = folder();
    let mute = [("ready = \"/health\"", "ready = \"/nowhere\""), ("\"60s\"", "\"4s\"")];
    let ends = [("[service.env]", "command = [\"false\"]\n[service.env]")];
    for (changes, words) in [(&mute[..], "/nowhere"), (&ends[..], "exit code 1")] {
        let done = attempt(&changed(&folder, changes), folder.path(), &["--json"], None).await;
        let told = object(&done);
        done.ends(4, &[]);
        assert_eq!(told["outcome"], "inconclusive");
        assert!(told["reason"].as_str().is_some_and(|why| why.contains(words)), "{told}");
        assert!(told["figures"].as_object().is_some_and(serde_json::Map::is_empty), "no lost=0: {told}");
        nothing_is_left_of(&run_dir(&told)).await;
    }
}

#[tokio::test]
async fn what_could_not_be_lost_proves_nothing() {
    if !docker().await {
        return;
    }
    let folder = folder();
    let refused = [("path = \"/requests\"", "path = \"/orders\"")];
    // The row itself is there before the answer.
    let at_once = [("SELECT request_id FROM effects", "SELECT id FROM requests")];
    let not_found = [("SELECT request_id FROM effects", "SELECT request_id FROM effects WHERE false")];
    let cases = [(&refused[..], "404"), (&at_once[..], "before_answer"), (&not_found[..], "do [effects] find")];
    for (changes, words) in cases {
        let done = attempt(&changed(&folder, changes), folder.path(), &["--json"], None).await;
        let told = object(&done);
        done.ends(4, &[]);
        assert!(told["reason"].as_str().is_some_and(|why| why.contains(words)), "{words}: {told}");
    }
}

/// An answer that its body takes back promises nothing. And a hook that is a command counts
/// into the grace; while it runs, with no more requests, the work comes to its end.
#[tokio::test]
async fn an_answer_promises_by_its_body_too() {
    if !docker().await {
        return;
    }
    let folder = folder();
    let takes_back = [("acknowledged = [201]", "acknowledged = [201]\nanswer.present = [\"/order\"]")];
    let done = attempt(&changed(&folder, &takes_back), folder.path(), &["--json"], None).await;
    let told = object(&done);
    done.ends(4, &[]);
    let why = told["reason"].as_str().expect("a reason");
    assert!(why.contains("acknowledged no update") && why.contains("201 Created, but the body"), "{why}");
    let hook = [
        ("acknowledged = [201]", "acknowledged = [201]\nanswer.equals = { \"/id\" = \"{id}\" }"),
        ("grace = \"30s\"", "grace = \"3s\"\npre_stop = { command = [\"sleep\", \"9\"] }"),
    ];
    let done = attempt(&changed(&folder, &hook), folder.path(), &[], None).await;
    done.ends(0, &[]);
    for words in ["it had not ended when the grace of 3s was over", "it had 2 s"] {
        assert!(done.stdout.contains(words), "no {words:?} in: {}", done.stdout);
    }
}

/// What a queue's consumer has taken and not done goes with it; acknowledged late, it comes
/// back.
async fn a_consumer_loses_what_it_took_early(file: &str) {
    if !docker().await {
        return;
    }
    let folder = folder();
    let done = attempt(&example(file), folder.path(), &["--json"], None).await;
    let told = object(&done);
    done.ends(1, &[]);
    assert!(figure(&told, "lost") > 0.0 && figure(&told, "duplicates") == 0.0, "{told}");
    assert!(told["meaning"].to_string().contains("nobody looked"), "{told}");
    nothing_is_left_of(&run_dir(&told)).await;
    let text = fs::read_to_string(example(file)).expect("the example");
    let late = folder.path().join("late.toml");
    fs::write(&late, text.replace("\"early\"", "\"late\"")).expect("a file");
    let done = attempt(&late, folder.path(), &["--json"], None).await;
    let told = object(&done);
    done.ends(0, &[]);
    assert!(figure(&told, "lost") == 0.0 && figure(&told, "waiting") > 0.0, "{told}");
}

#[tokio::test]
async fn a_consumer_of_a_table_loses_what_it_took_early() {
    a_consumer_loses_what_it_took_early("queue-postgres.toml").await;
}

#[tokio::test]
async fn a_consumer_of_redis_loses_what_it_took_early() {
    a_consumer_loses_what_it_took_early("queue-redis.toml").await;
}
