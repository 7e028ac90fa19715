//! Stories that several incidents tell.

use std::time::{Duration, SystemTime};

use reenact::{
    Error, Result,
    probe::{Answer, Observation, Signal},
    stage::{
        Lab, Stage, logged,
        phase::{Faulted, Steady},
    },
    wait::Look,
};
use serde_json::Value;

use super::{
    Director, Setup,
    api::{Api, Trouble},
    faults::{IaasBehaves, calls_lost},
    manifest,
    recipe::{self, FIRST},
};

/// z3's network fails while task 100, and a deploy of each of the others, makes its VMs in
/// it. The network comes back, and the calls that were in flight never notice: their
/// connections are dead. Gives the tasks.
pub(super) async fn blocked(lab: &Lab, setup: Setup, others: &[&str]) -> Result<(Stage<Director, Faulted>, Vec<u64>)> {
    let mut steady = recipe::steady(lab, setup).await?;
    let fails = IaasBehaves::subnet_unreachable(steady.system());
    let network = steady.strike(fails).await?;
    let tasks = deploys(&steady, others).await?;
    hang(&steady, &tasks).await?;
    let mut stage = steady.inject(calls_lost()).await?;
    stage.mend_one(network).await?;
    stage.workload().resume();
    stage.effect_begins();
    Ok((stage, tasks))
}

/// Task 100 and a deploy of each of the others. The workload rests from here on: none of
/// its CPI calls is in flight.
pub(super) async fn deploys(stage: &Stage<Director, Steady>, others: &[&str]) -> Result<Vec<u64>> {
    recipe::deploy_as(stage, FIRST).await?;
    recipe::others_rest(stage).await?;
    let mut tasks = vec![FIRST];
    for name in others {
        let task = stage.system().api.deploy(&manifest::alike(name)).await?;
        stage.lab().note("story", format!("task {task}: bosh deploy -d {name}"));
        tasks.push(task);
    }
    Ok(tasks)
}

/// Waits until every one of these tasks hangs in the CPI.
pub(super) async fn hang(stage: &Stage<Director, Steady>, tasks: &[u64]) -> Result<()> {
    for task in tasks {
        recipe::hangs(stage, *task).await?;
    }
    Ok(())
}

/// Waits until a statement gives this word and no more.
pub(super) async fn rows_say<P>(
    stage: &Stage<Director, P>,
    what: &str,
    sql: &str,
    wanted: &str,
    limit: Duration,
) -> Result<()> {
    let database = &stage.system().database;
    let look = || async {
        match database.rows(sql).await.map(|rows| rows.concat().join("|")) {
            Ok(said) if said == wanted => Look::Ready(()),
            Ok(said) => Look::NotYet(format!("{said:?} and not {wanted:?}")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    };
    stage.wait_for(what, limit, look).await
}

/// `bosh cancel-task`, which the director must answer with 400.
pub(super) async fn cannot_be_cancelled<P>(stage: &Stage<Director, P>, task: u64) -> Result<()> {
    let reply = stage.system().api.ask("DELETE", &format!("/task/{task}"), None).await;
    match reply {
        Ok(reply) if reply.status == 400 => {
            stage.lab().note("story", format!("bosh cancel-task {task}: 400 {}", reply.body));
            Ok(())
        }
        Ok(reply) => Err(Error::inconclusive(format!("task {task} can be cancelled: {}", reply.status))),
        Err(trouble) => Err(Error::inconclusive(format!("the director does not answer: {}", trouble.why()))),
    }
}

/// Whether a task's row ever was in that state.
pub(super) fn was(seen: &[Observation], task: u64, state: &str) -> bool {
    first_as(seen, task, state).is_some()
}

/// The first look in which a task's row was in that state.
pub(super) fn first_as(seen: &[Observation], task: u64, state: &str) -> Option<usize> {
    let task = task.to_string();
    seen.iter().position(|observation| match &observation.signal {
        Signal::Query { of, answer: Answer::Values { values } } if of == "sql:tasks" => {
            values.get(&task).is_some_and(|row| row.split('|').next() == Some(state))
        }
        _ => false,
    })
}

/// Waits for the moment after the deployment's lock was renewed: it is then left for two
/// renewals.
pub(super) async fn renewed<P>(stage: &Stage<Director, P>) -> Result<()> {
    let fresh = stage.system().setup.production(215).as_secs_f64();
    let sql = format!("SELECT {LEFT} > interval '{fresh} seconds' FROM locks WHERE name = '{}'", manifest::PAASTA_LOCK);
    rows_say(stage, "the lock to be renewed", &sql, "t", SOON).await
}

/// Waits until a lock that nobody renews lives for so many seconds of production at most.
pub(super) async fn lock_is_left<P>(stage: &Stage<Director, P>, lock: &str, seconds: u64) -> Result<()> {
    let setup = stage.system().setup;
    let left = setup.production(seconds).as_secs_f64();
    let sql = format!("SELECT {LEFT} < interval '{left} seconds' FROM locks WHERE name = '{lock}'");
    rows_say(stage, "the lock to run out", &sql, "t", setup.production(241) + SOON).await
}

/// How long a lock still lives.
const LEFT: &str = "expired_at - now() AT TIME ZONE 'UTC'";

/// How long anything of the director's may take that is under way.
const SOON: Duration = Duration::from_secs(15);

/// Waits until a line with these words is logged.
pub(super) async fn logs<P>(stage: &Stage<Director, P>, words: &[&str], limit: Duration) -> Result<()> {
    let stream = stage.lab().stream();
    let look = || async {
        if stream.read(|seen| logged(seen, words)) { Look::Ready(()) } else { Look::NotYet("it is not logged".into()) }
    };
    stage.wait_for(&format!("the log to say {words:?}"), limit + SOON, look).await
}

/// Waits for `bosh locks` to list the deployment's lock, and with a time that has passed.
pub(super) async fn lists_an_expired_lock<P>(stage: &Stage<Director, P>) -> Result<()> {
    let api = &stage.system().api;
    let look = || async {
        match listed(api).await {
            Ok(Some(left)) if left < 0.0 => Look::Ready(()),
            Ok(Some(left)) => Look::NotYet(format!("it lives for another {left:.1} s")),
            Ok(None) => Look::Never(Error::inconclusive("the director was back too late: the row is not listed")),
            Err(why) => Look::NotYet(why),
        }
    };
    stage.wait_for("an expired lock to be listed", SOON, look).await
}

/// Waits for `bosh locks` to list the deployment's lock no more.
pub(super) async fn lists_no_lock<P>(stage: &Stage<Director, P>) -> Result<()> {
    let api = &stage.system().api;
    let look = || async {
        match listed(api).await {
            Ok(None) => Look::Ready(()),
            Ok(Some(left)) => Look::NotYet(format!("it is listed with {left:.1} s left")),
            Err(why) => Look::NotYet(why),
        }
    };
    stage.wait_for("no lock to be listed", SOON, look).await
}

/// How many seconds the deployment's lock has left, as `GET /locks` lists it.
async fn listed(api: &Api) -> Result<Option<f64>, String> {
    let reply = api.ask("GET", "/locks", None).await.map_err(Trouble::why)?;
    let locks: Value = serde_json::from_str(&reply.body).map_err(|error| error.to_string())?;
    let its = |lock: &&Value| lock["resource"][0] == manifest::PAASTA;
    let Some(lock) = locks.as_array().ok_or(reply.body)?.iter().find(its) else { return Ok(None) };
    let expires: f64 = lock["timeout"].as_str().and_then(|text| text.parse().ok()).ok_or("a lock has no timeout")?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Some(expires - now.as_secs_f64()))
}

/// Whether the row of a lock that a task has taken over names another one.
pub(super) fn lock_names(seen: &[Observation], lock: &str, named: u64, owner: u64) -> bool {
    let row = |observation: &Observation| match &observation.signal {
        Signal::Query { of, answer } if of == "sql:locks" => {
            Some(answer.get(lock)?.split('|').nth(1)? == named.to_string())
        }
        _ => None,
    };
    let taken =
        seen.iter().position(|line| line.is_log_with(&[&format!("task {owner} debug: "), "Acquired lock: ", lock]));
    taken.is_some_and(|from| seen[from..].iter().filter_map(row).next_back() == Some(true))
}

/// How many looks in a row, the last ones, show a task of such a deployment `queued`.
pub(super) fn queued(seen: &[Observation], deployment: &str) -> usize {
    let looks = seen.iter().rev().filter_map(|observation| match &observation.signal {
        Signal::Query { of, answer: Answer::Values { values } } if of == "sql:tasks" => Some(values),
        _ => None,
    });
    let is_queued = |row: &String| row.starts_with("queued|") && row.contains(deployment);
    looks.take_while(|values| values.values().any(is_queued)).count()
}
