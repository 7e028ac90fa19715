//! What the incidents of stuck tasks have in common.

use std::time::{Duration, Instant};

use reenact::{
    Error, Result,
    probe::{Answer, Observation, Signal},
    runbook::Runbook,
    stage::{
        Fingerprint, Lab, Stage, latest,
        phase::{Detected, Faulted, Steady},
    },
    wait::Look,
    workload::Traffic,
};

use super::{
    Director, Setup,
    db::Task,
    detectors::STUCK_TASK,
    faults::{LockStolen, WrongSubnet},
    manifest,
};

/// How long a steady director is watched for false alarms.
pub(super) const QUIET: Duration = Duration::from_secs(3);

/// Some ten writes a second, of which one is a deploy: see `client`.
const TRAFFIC: Traffic = Traffic { clients: 3, think: (Duration::from_millis(150), Duration::from_millis(300)) };

/// The report's tasks.
pub(super) const FIRST: u64 = 100;
/// The one that takes the deployment over.
pub(super) const SECOND: u64 = 163;

/// How long anything of the director's may take that is under way: a poll of the queue, a
/// process, a few statements.
const SOON: Duration = Duration::from_secs(10);

/// A healthy director under load, over which no detector says a word.
pub(super) async fn steady(lab: &Lab, setup: Setup) -> Result<Stage<Director, Steady>> {
    let director = Director::deploy(lab, setup).await?;
    Stage::begin(lab, director, TRAFFIC).await?.quiet(QUIET).await
}

/// `bosh deploy` of the report's deployment; the task's number.
pub(super) async fn deploy<P>(stage: &Stage<Director, P>) -> Result<u64> {
    let task = stage.system().api.deploy(&manifest::paasta()).await?;
    stage.lab().note("story", format!("task {task}: bosh deploy -d {}", manifest::PAASTA));
    Ok(task)
}

/// The same as the task of that number: the workload waits for a moment, so that none of
/// its tasks gets it.
pub(super) async fn deploy_as<P>(stage: &Stage<Director, P>, number: u64) -> Result<()> {
    stage.workload().pause();
    stage.workload().idle().await?;
    stage.system().database.next_task_is(number).await?;
    let task = deploy(stage).await?;
    stage.workload().resume();
    if task == number { Ok(()) } else { Err(Error::inconclusive(format!("the deploy became task {task}"))) }
}

/// Waits until every `create_vm` of the task into z3 is in flight, and its VM in z1 is
/// made and known.
pub(super) async fn hangs<P>(stage: &Stage<Director, P>, task: u64) -> Result<()> {
    let system = stage.system();
    let look = || async {
        match system.exporter.state().await.map(|state| state.creates_of(task)) {
            Ok(manifest::WEBS) => {}
            Ok(some) => {
                return match system.database.task(task).await {
                    Ok(Some(Task { state, result })) if is_final(&state) => {
                        Look::Never(Error::inconclusive(format!("task {task} is {state}: {result}")))
                    }
                    _ => Look::NotYet(format!("{some} create_vm of it are in flight")),
                };
            }
            Err(answer) => return Look::NotYet(format!("{answer:?}")),
        }
        match system.database.active_vms().await.as_deref() {
            Ok("1") => Look::Ready(()),
            Ok(some) => Look::NotYet(format!("the director has {some} VMs of the deployment")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    };
    stage.wait_for(&format!("task {task} to hang in the CPI"), SOON, look).await
}

/// Waits until the task is in one of these states, divided by `|`.
pub(super) async fn becomes<P>(stage: &Stage<Director, P>, task: u64, states: &str, limit: Duration) -> Result<()> {
    let database = &stage.system().database;
    let look = || async {
        match database.task(task).await {
            Ok(Some(row)) if states.split('|').any(|state| state == row.state) => Look::Ready(()),
            Ok(Some(Task { state, result })) if is_final(&state) => {
                Look::Never(Error::inconclusive(format!("task {task} is {state} and not {states}: {result}")))
            }
            Ok(Some(row)) => Look::NotYet(format!("it is {}", row.state)),
            Ok(None) => Look::NotYet("there is no such task".into()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    };
    stage.wait_for(&format!("task {task} to be {states}"), limit, look).await
}

fn is_final(state: &str) -> bool {
    matches!(state, "done" | "error" | "cancelled")
}

/// Waits until the API answers.
pub(super) async fn serves<P>(stage: &Stage<Director, P>) -> Result<()> {
    let api = &stage.system().api;
    let look = || async {
        match api.ask("GET", "/info", None).await {
            Ok(_) => Look::Ready(()),
            Err(trouble) => Look::NotYet(trouble.why()),
        }
    };
    stage.wait_for("the API to answer", Duration::from_secs(30), look).await
}

/// Asks the director for a task, as `bosh task N` does, until it is in that state: a task
/// whose checkpoint is old becomes `timeout` by being asked for.
pub(super) async fn asked_for<P>(stage: &Stage<Director, P>, task: u64, state: &str) -> Result<()> {
    let (api, wanted) = (&stage.system().api, format!(r#""state":"{state}""#));
    let look = || async {
        match api.ask("GET", &format!("/tasks/{task}"), None).await {
            Ok(reply) if reply.body.contains(&wanted) => Look::Ready(()),
            Ok(reply) => Look::NotYet(reply.body),
            Err(trouble) => Look::NotYet(trouble.why()),
        }
    };
    stage.wait_for(&format!("task {task} to be shown as {state}"), SOON, look).await
}

/// Waits until no lock lives for longer than so many seconds of production without a
/// renewal.
pub(super) async fn locks_run_out<P>(stage: &Stage<Director, P>, seconds: u64) -> Result<()> {
    let (database, limit) = (&stage.system().database, stage.system().setup.production(seconds));
    let look = || async {
        match database.locks_left().await {
            Ok(left) if left <= limit => Look::Ready(()),
            Ok(left) => Look::NotYet(format!("one lives for another {left:.1?}")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    };
    stage.wait_for(&format!("no lock to live for more than {limit:.1?}"), SOON, look).await
}

/// `bosh cancel-task`, after which the task is `cancelling` for so many seconds of
/// production and ends not.
pub(super) async fn cancel_in_vain<P>(stage: &Stage<Director, P>, task: u64, seconds: u64) -> Result<()> {
    let system = stage.system();
    system.api.cancel(task).await?;
    stage.lab().note("story", format!("bosh cancel-task {task}"));
    let time = system.setup.production(seconds);
    stage.lab().phase(format!("task {task} stays cancelling for {time:.1?}"));
    let end = Instant::now() + time;
    while Instant::now() < end {
        let state = system.database.task(task).await?.map(|row| row.state).unwrap_or_default();
        if state != "cancelling" {
            return Err(Error::inconclusive(format!("task {task} was cancelled and is {state}: it did not hang")));
        }
        tokio::time::sleep(reenact::wait::EVERY * 5).await;
    }
    Ok(())
}

/// The report: task 100 hangs and is cancelled in vain, its lock's row is deleted, and
/// task 163 takes the deployment over and hangs alike. Since then two `create_vm` are in
/// flight for each instance.
pub(super) async fn stuck(lab: &Lab) -> Result<Stage<Director, Faulted>> {
    let steady = steady(lab, Setup::PLAIN).await?;
    let (wrong, stolen) = (WrongSubnet::of(steady.system()), LockStolen::new(steady.system(), manifest::PAASTA_LOCK));
    let mut stage = steady.inject(wrong).await?;
    deploy_as(&stage, FIRST).await?;
    hangs(&stage, FIRST).await?;
    cancel_in_vain(&stage, FIRST, 60).await?;
    stage.strike(stolen).await?;
    deploy_as(&stage, SECOND).await?;
    hangs(&stage, SECOND).await?;
    stage.effect_begins();
    Ok(stage)
}

/// The report's marks are there, and the stuck task is detected.
pub(super) async fn detected(stage: Stage<Director, Faulted>) -> Result<Stage<Director, Detected>> {
    let limit = stage.system().setup.production(900) + SOON;
    stage.fingerprints(FINGERPRINTS, limit).await?.detect(STUCK_TASK, limit).await
}

/// The right runbook heals it, and finds nothing more to do afterwards. Of doubled
/// `create_vm` those of the story are forgiven, and no other.
pub(super) async fn healed_by(runbook: &dyn Runbook, broken: Stage<Director, Detected>) -> Result<()> {
    let told = broken.system().story_ends().await?;
    broken.lab().note("judge", format!("{told} create_vm of the story doubled another"));
    // Eleven seconds; on a loaded machine each of its forty commands takes one or two.
    let healed = broken.recover(runbook, Duration::from_secs(120)).await?;
    healed.stays_healthy(QUIET).await?.again(runbook).await?.finish().await
}

/// The other users rest, with nothing in hand: what a stop would take from them is another
/// story.
pub(super) async fn others_rest<P>(stage: &Stage<Director, P>) -> Result<()> {
    stage.workload().pause();
    stage.workload().idle().await?;
    // A client that has given up leaves its task behind.
    let look = || async {
        match stage.system().database.unsettled().await {
            Ok(none) if none == "0" => Look::Ready(()),
            Ok(some) => Look::NotYet(format!("{some} deploys are under way")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    };
    stage.wait_for("the others' deploys to end", Duration::from_secs(30), look).await
}

/// The number of the last deploy of the report's deployment.
pub(super) async fn last_deploy<P>(stage: &Stage<Director, P>) -> Result<u64> {
    let sql = format!("SELECT max(id) FROM tasks WHERE deployment_name = '{}'", manifest::PAASTA);
    let row = stage.system().database.rows(&sql).await?.concat().join("");
    row.parse().map_err(|_| Error::inconclusive("there is no deploy"))
}

/// The marks of the report.
pub(super) const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "task-100-cancelling",
        report: "task 100 stays `cancelling` and does not end",
        shows: |seen| state_of(seen, "100").is_some_and(|state| state == "cancelling"),
    },
    Fingerprint {
        id: "lock-of-task-100",
        report: "`bosh locks`: deployment paasta, task 100",
        shows: |seen| {
            let held =
                |o: &Observation| value(o, "sql:locks", manifest::PAASTA_LOCK).is_some_and(|row| row.contains("|100|"));
            seen.iter().any(held)
        },
    },
    Fingerprint {
        id: "create-vm-without-answer",
        report: "task 100's debug log: requests to create VMs, in the subnet of the wrong AZ",
        shows: |seen| {
            let asked = |o: &&Observation| {
                o.is_log_with(&["task 100 debug: ", r#"request: {"method":"create_vm""#, "\"10.0.30."])
            };
            seen.iter().filter(asked).count() == manifest::WEBS
        },
    },
    Fingerprint {
        id: "link-consumer-intents",
        report: "task 163's debug log stops in the writes of link_consumer_intents",
        shows: |seen| {
            let writes = [r#"INSERT INTO "link_consumer_intents""#, r#"UPDATE "link_consumer_intents""#];
            writes.iter().any(|write| seen.iter().any(|o| o.is_log_with(&["task 163 debug: ", write])))
        },
    },
    Fingerprint {
        id: "renewing-and-checkpoints-only",
        report: "from then on it only renews the lock and writes checkpoints",
        shows: |seen| {
            let (renewals, checkpoints) = lives_only(seen, "task 163 debug: ");
            renewals >= 2 && checkpoints >= 4
        },
    },
    Fingerprint {
        id: "task-163-processing",
        report: "task 163 makes no progress and stays so",
        shows: |seen| state_of(seen, "163").is_some_and(|state| state == "processing"),
    },
];

/// A value of an answer.
fn value<'a>(observation: &'a Observation, question: &str, name: &str) -> Option<&'a str> {
    match &observation.signal {
        Signal::Query { of, answer } if of == question => answer.get(name),
        _ => None,
    }
}

/// A task's state in the last look.
fn state_of<'a>(seen: &'a [Observation], task: &str) -> Option<&'a str> {
    let states = latest(seen, |signal| match signal {
        Signal::Query { of, answer: Answer::Values { values } } if of == "sql:tasks" => {
            Some(values.get(task).and_then(|row| row.split('|').next()))
        }
        _ => None,
    });
    states.into_values().flatten().next()
}

/// How many renewals and checkpoints a task's log ends with, with nothing between.
fn lives_only(seen: &[Observation], task: &str) -> (usize, usize) {
    let lines = seen.iter().rev().filter_map(|observation| match &observation.signal {
        Signal::Log { line } => line.strip_prefix(task),
        _ => None,
    });
    let (mut renewals, mut checkpoints) = (0, 0);
    for line in lines {
        match line {
            _ if line.contains("-checkpoint] DEBUG") => {
                checkpoints += usize::from(line.contains(r#"SET "checkpoint_time""#));
            }
            _ if line.contains("Renewing lock: ") => renewals += 1,
            _ if line.contains(r#"UPDATE "locks" SET "expired_at""#) => {}
            _ => break,
        }
    }
    (renewals, checkpoints)
}
