//! `reenact drill`: recoveries of somebody's own, in the operator's place.
//!
//! What needs Docker is skipped without it, unless `REENACT_REQUIRE=all`.

mod called;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use called::{Done, NO_DAEMON, docker, finish, folder, reenact, run};
use reenact::testbed::{Leftovers, SESSION_LABEL, connect};
use rustix::process::{Pid, Signal, kill_process};
use scenarios as _;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

/// What hangs fails.
const LIMIT: Duration = Duration::from_secs(600);
const WEDGE: &str = "galera::non_primary_wedge";
/// Healthy, and soon up.
const TWIN: &str = "galera::twin_healthy_under_load";
/// What a process of a drill has in its environment.
const MARK: &str = "REENACT_STARTED_FOR=";

/// A recovery of the examples.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/drills").join(name);
    path.display().to_string()
}

/// The last object on standard output, all of which are JSON.
#[track_caller]
fn verdict(done: &Done) -> Value {
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    done.stdout.lines().map(read).next_back().unwrap_or_else(|| panic!("nothing: {}", done.stderr))
}

fn drill(results: &Path, arguments: &[&str]) -> Command {
    let mut command = reenact(&["drill", "--json", "--results"]);
    command.arg(results).args(arguments);
    command
}

/// Holds that nothing is left on the daemon, among the processes and in the folder of
/// temporary files of the only session in `results`.
async fn nothing_is_left(results: &Path) {
    let session = only_folder_in(results);
    let id = session.file_name().expect("a name").to_string_lossy().into_owned();
    let docker = connect().await.expect("the daemon");
    let gone = async {
        while !Leftovers::find(&docker, &format!("{SESSION_LABEL}={id}")).await.expect("it lists").is_empty()
            || !marked(&id).is_empty()
            || env::temp_dir().join(format!("reenact-{id}")).exists()
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let is_gone = timeout(Duration::from_secs(60), gone).await.is_ok();
    assert!(is_gone, "processes {:?}, or something on the daemon, or a folder", marked(&id));
}

fn only_folder_in(results: &Path) -> PathBuf {
    let mut folders = fs::read_dir(results).expect("the results").map(|entry| entry.expect("an entry").path());
    let first = folders.next().expect("a folder");
    assert!(folders.next().is_none(), "one call makes one folder");
    first
}

/// The processes that were started for a session.
fn marked(id: &str) -> Vec<String> {
    let mark = format!("{MARK}{id}");
    let bears = |pid: &String| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes()))
    };
    let all =
        fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    all.filter(bears).collect()
}

#[tokio::test]
async fn a_wrong_request_is_told_before_docker_is_needed() {
    let results = folder();
    let say = async |arguments: &[&str]| run(drill(results.path(), arguments).env("DOCKER_HOST", NO_DAEMON)).await;
    say(&[WEDGE, "--", "no-such-program"]).await.ends(2, &["no-such-program", "on the PATH"]);
    say(&[WEDGE, "--", "/etc/passwd"]).await.ends(2, &["not executable", "chmod +x"]);
    say(&["galera::non_primary", "--", "true"]).await.ends(2, &["means 2 scenarios", "missed_view"]);
    say(&["galera::no_such", "--", "true"]).await.ends(2, &["no_such"]);
    say(&[WEDGE]).await.ends(2, &["COMMAND"]);
    say(&[WEDGE, "--kill", "0", "--", "true"]).await.ends(2, &["--kill"]);
    say(&[WEDGE, "--limit", "1ms", "--", "true"]).await.ends(2, &["--limit"]);
    say(&[WEDGE, "--refused", "0", "--", "true"]).await.ends(2, &["--refused"]);
    say(&[WEDGE, "--start-command", "/nonexistent"]).await.ends(2, &["/nonexistent"]);
    say(&[WEDGE, "--variables", "/etc/passwd", "--", "true"]).await.ends(2, &["--variables"]);
    say(&[WEDGE, "--task-dir", "/etc"]).await.ends(2, &["/etc", "already"]);
    say(&[TWIN, "--own"]).await.ends(2, &["no runbook of its own", "COMMAND"]);
    say(&[WEDGE, "--own", "--", "true"]).await.ends(2, &["--own"]);
    say(&["--suite", "/nonexistent.toml"]).await.ends(2, &["/nonexistent.toml"]);
    say(&[WEDGE, "--", "true"]).await.ends(3, &[NO_DAEMON]);
}

#[tokio::test]
async fn the_right_script_heals_loses_nothing_and_leaves_a_healthy_system_alone() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = run(&mut drill(results.path(), &[WEDGE, "--again", "--", &example("galera-right.sh")])).await;
    let told = verdict(&done);
    assert_eq!((&told["verdict"], &told["lost_count"]), (&"healed".into(), &0.into()), "{told}");
    done.ends(0, &[]);
    assert!(told["recover_ms"].is_u64() && told["again"].as_array().is_some_and(Vec::is_empty), "{told}");
    // Three looks, three kills, three positions, the bootstrap, two joins; and again three looks.
    assert_eq!(told["commands"], 15, "{told}");
    let steps = done.stdout.lines().filter(|line| line.contains(r#""event":"step""#)).count();
    assert_eq!(steps, 15, "{}", done.stdout);
    nothing_is_left(results.path()).await;
}

#[tokio::test]
async fn the_naive_script_loses_what_was_acknowledged_and_the_judge_names_it() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = run(&mut drill(results.path(), &[WEDGE, "--limit", "90s", "--", &example("galera-naive.sh")])).await;
    let told = verdict(&done);
    done.ends(1, &[]);
    let verdict = told["verdict"].as_str();
    assert!(matches!(verdict, Some("harm" | "healed_with_loss")), "{told}");
    let lost = told["lost"].as_array().map(Vec::len);
    assert!(lost.is_some_and(|lost| lost > 0) && told["lost_count"].as_u64() == lost.map(|lost| lost as u64), "{told}");
}

#[tokio::test]
async fn a_script_that_is_killed_after_its_bootstrap_and_finds_nothing_to_do_is_not_kill_safe() {
    if !docker().await {
        return;
    }
    let results = folder();
    let script = example("galera-not-kill-safe.sh");
    let done = run(&mut drill(results.path(), &[WEDGE, "--kill", "10", "--", &script])).await;
    let told = verdict(&done);
    done.ends(1, &[]);
    assert_eq!(told["verdict"], "not_kill_safe", "{told}");
    assert_eq!(
        (&told["kills"][0]["after"], &told["kills"][0]["verdict"]),
        (&10.into(), &"false_success".into()),
        "{told}"
    );
}

/// On a system that is healthy: what counts is that each comes to an end, and leaves nothing.
#[tokio::test]
async fn a_command_that_forks_floods_hangs_or_kills_its_own_leaves_nothing() {
    if !docker().await {
        return;
    }
    for (script, ending) in [
        ("setsid sleep 600 >/dev/null 2>&1 & sleep 600 & exit 0", "exit code 0"),
        ("yes a flood of words | head -c 50000000; exit 5", "exit code 5"),
        ("ssh n1 true; exec sleep 600", "killed at the limit"),
        ("trap '' TERM; kill -9 $$", "exit code 137"),
        ("ssh n1 'echo over ssh; exit 7'; code=$?; power n2 status; exit $code", "exit code 7"),
    ] {
        // Shells, ssh and Ansible read its path, each in its own way.
        let parent = folder();
        let results = parent.path().join(r#"100 % of "it", isn't $IT"#);
        let done = run(&mut drill(&results, &[TWIN, "--limit", "20s", "--", "bash", "-c", script])).await;
        let told = verdict(&done);
        assert_eq!(told["ending"], ending, "{script}: {told}");
        let run_dir = PathBuf::from(told["run_dir"].as_str().expect("a folder"));
        let said = fs::metadata(run_dir.join("operator/call-1.out")).expect("its output").len();
        assert!(said < 2 << 20, "{script}: {said} bytes are kept");
        nothing_is_left(&results).await;
    }
}

/// Each node's own start command, in the place of the service's: the first one founds the cluster,
/// as the entry point of many an orchestrator does, whatever the others have.
#[tokio::test]
#[ignore = "for the night: two incidents are played"]
async fn a_start_command_is_run_on_every_node_and_judged_by_what_it_leaves() {
    if !docker().await {
        return;
    }
    let results = folder();
    let subject = |name| ["--start-command".to_owned(), example(name)];
    for (script, variables, verdicts) in [
        ("galera-start-first.sh", "galera-start.env", &["healed_with_loss", "harm"][..]),
        ("galera-start-waits.sh", "galera-start.env", &["stuck"][..]),
    ] {
        let (subject, variables) = (subject(script), example(variables));
        let arguments = [WEDGE, "--limit", "60s", &subject[0], &subject[1], "--variables", &variables];
        let done = run(&mut drill(&results.path().join(script), &arguments)).await;
        let told = verdict(&done);
        let verdict = told["verdict"].as_str().unwrap_or_default();
        assert!(verdicts.contains(&verdict), "{script}: {told}");
        assert_eq!(told["ending"], "it goes on, on the nodes", "{script}: {told}");
        assert_eq!(told["commands"], 9, "{script}: {told}");
        nothing_is_left(&results.path().join(script)).await;
    }
}

/// A task for an agents' benchmark: started, given to a solution, and checked.
#[tokio::test]
#[ignore = "for the night: two incidents are played"]
async fn a_task_s_checker_knows_a_good_solution_from_a_naive_one() {
    if !docker().await {
        return;
    }
    for (script, passes) in [("galera-right.sh", true), ("galera-naive.sh", false)] {
        let parent = folder();
        let task = parent.path().join("task");
        let mut command = reenact(&["drill", WEDGE, "--limit", "5m", "--task-dir"]);
        run(command.arg(&task).arg("--").arg(example(script))).await.ends(0, &[]);
        let call = async |name: &str| {
            let mut command = Command::new(task.join(name));
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
            finish(command.spawn().expect(name)).await
        };
        call("start.sh").await.ends(0, &[]);
        let page = fs::read_to_string(task.join("state/page")).expect("a page");
        assert!(page.contains("n1") && !page.contains("wedge"), "{page}");
        call("solution.sh").await;
        let checked = call("run-tests.sh").await;
        let outcome = if passes { "PASSED" } else { "FAILED" };
        assert!(
            checked.stdout.contains(&format!("{outcome} tests/test_outputs.py::test_healed")),
            "{}",
            checked.stdout
        );
        checked.ends(i32::from(!passes), &[]);
        nothing_is_left(&task.join("state/results")).await;
    }
}

#[tokio::test]
async fn a_box_reaches_the_nodes_and_neither_the_daemon_nor_anything_outside() {
    if !docker().await {
        return;
    }
    let results = folder();
    let script = "ssh n1 'echo reached' && [ \"$(power n2 status)\" = on ] && ansible all -m ping || exit 1
                  [ ! -e /var/run/docker.sock ] || exit 2
                  ! curl -s -m 3 http://192.0.2.1 && ! curl -s -m 3 http://172.17.0.1 || exit 3";
    let done = run(&mut drill(results.path(), &[TWIN, "--box", "--", "bash", "-c", script])).await;
    let told = verdict(&done);
    let run_dir = PathBuf::from(told["run_dir"].as_str().expect("a folder"));
    let said = |name: &str| fs::read_to_string(run_dir.join("operator").join(name)).unwrap_or_default();
    assert_eq!(told["ending"], "exit code 0", "{told}\n{}\n{}", said("call-1.out"), said("call-1.err"));
    assert!(said("call-1.out").contains("reached"), "{}", said("call-1.out"));
    nothing_is_left(results.path()).await;
    let done = run(&mut drill(results.path(), &[TWIN, "--box", "--", "no-such-tool"])).await;
    assert_eq!(verdict(&done)["ending"], "exit code 127 (command not found?)", "{}", done.stdout);
}

/// A network that is cut is mended before a recovery is called, for nobody on the nodes could; who only looks sees it.
#[tokio::test]
async fn who_only_looks_is_called_while_the_faults_are_in_force() {
    if !docker().await {
        return;
    }
    let results = folder();
    let script = "for node in $REENACT_NODES; do
                      ssh $node \"mariadb -N -e \\\"SHOW STATUS LIKE 'wsrep_cluster_status'\\\"\" | grep -q non-Primary && exit 3
                  done";
    let arguments = ["galera::minority_partition", "--look", "--refused", "3", "--", "bash", "-c", script];
    let told = verdict(&run(&mut drill(results.path(), &arguments)).await);
    assert_eq!((&told["verdict"], &told["lost_count"]), (&"refused".into(), &0.into()), "{told}");
    nothing_is_left(results.path()).await;
}

/// Ssh, the power switches and the addresses are all that a runbook of ours needs.
#[tokio::test]
async fn a_scenario_s_own_runbook_comes_through_the_same_door() {
    if !docker().await {
        return;
    }
    let results = folder();
    let done = run(&mut drill(results.path(), &["blobstore::bind_read_only", "--own", "--again", "--kill", "7"])).await;
    let told = verdict(&done);
    done.ends(0, &[]);
    assert_eq!((&told["verdict"], &told["kills"][0]["verdict"]), (&"healed".into(), &"healed".into()), "{told}");
    assert!(told["commands"].as_u64() > Some(7) && told["again"].as_array().is_some_and(Vec::is_empty), "{told}");
    nothing_is_left(results.path()).await;
}

#[tokio::test]
async fn machines_that_are_off_are_switched_on_and_nothing_more_is_needed() {
    if !docker().await {
        return;
    }
    let results = folder();
    let incident = "diego::etcd_quorum_lost_by_kill";
    let done = run(&mut drill(results.path(), &[incident, "--again", "--", &example("power-on.sh")])).await;
    let told = verdict(&done);
    done.ends(0, &[]);
    assert_eq!((&told["verdict"], &told["lost_count"]), (&"healed".into(), &0.into()), "{told}");
}

#[tokio::test]
async fn a_harness_that_is_killed_in_the_middle_of_a_drill_leaves_nothing() {
    if docker().await {
        killed_in_step(3).await;
    }
}

/// Ssh connections that stay open, files of the operator's, power switches: wherever it is.
#[tokio::test]
#[ignore = "for the night: twenty drills are begun"]
async fn a_harness_that_is_killed_in_any_step_of_a_drill_leaves_nothing() {
    if docker().await {
        for step in 1..=20 {
            killed_in_step(step).await;
        }
    }
}

/// Kills a harness as the command with this number begins, and holds that nothing is left.
async fn killed_in_step(number: usize) {
    let results = folder();
    let script = "sleep 600 & for turn in {1..10}; do ssh n1 'sleep 0.1'; power n2 status; done; sleep 600";
    let mut child = drill(results.path(), &[TWIN, "--", "bash", "-c", script]).spawn().expect("the binary");
    let pid = Pid::from_raw(child.id().expect("it runs").cast_signed()).expect("a process id");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let begun = async {
        let mut left = number;
        while left > 0 {
            let line = lines.next_line().await.expect("a line").expect("it goes on");
            left -= usize::from(line.contains(r#""event":"step""#));
        }
    };
    timeout(LIMIT, begun).await.expect("the command is called");
    let session = only_folder_in(results.path());
    let id = session.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(marked(&id).len() >= 2, "what is to be ended runs: {:?}", marked(&id));
    kill_process(pid, Signal::KILL).expect("the signal is sent");
    drop(child);
    nothing_is_left(results.path()).await;
}

#[tokio::test]
async fn a_shell_gets_a_page_of_symptoms_and_ends_at_done() {
    if !docker().await {
        return;
    }
    let results = folder();
    let mut child = drill(results.path(), &[TWIN, "--shell"]).stdin(Stdio::piped()).spawn().expect("the binary");
    let mut input = child.stdin.take().expect("a pipe");
    tokio::io::AsyncWriteExt::write_all(
        &mut input,
        b"found galera/no_such\nfound nothing\nssh n1 uname\necho word | ssh n1 'grep -q word || exit 9'\ndone\nssh n2 uname\n",
    )
    .await
    .expect("it listens");
    let ended = timeout(LIMIT, child.wait_with_output()).await.expect("it ends at `done`").expect("its output");
    let answered = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(answered.contains("galera/zombie_node\n") && answered.contains("never answered a client"), "{answered}");
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let page = events.iter().find(|event| event["event"] == "page").unwrap_or_else(|| panic!("no page: {text}"));
    assert!(page["text"].as_str().is_some_and(|text| text.contains("n1") && !text.contains("galera/")), "{page}");
    let steps: Vec<_> = events.iter().filter(|event| event["event"] == "step").collect();
    assert_eq!(steps.len(), 2, "{text}");
    let ended = events.iter().rfind(|event| event["event"] == "operator").unwrap_or_else(|| panic!("none: {text}"));
    assert!(ended["text"].as_str().is_some_and(|text| text.ends_with("[0]")), "what is piped to ssh arrives: {ended}");
    let told = events.last().expect("a verdict");
    assert_eq!((&told["verdict"], &told["commands"]), (&"healed".into(), &2.into()), "{told}");
    assert_eq!((&told["found"]["said"], &told["found"]["right"]), (&"nothing".into(), &true.into()), "{told}");
    assert!(
        page["text"].as_str().is_some_and(|text| text.contains("real use: passes") && text.contains("3306")),
        "{page}"
    );
}
