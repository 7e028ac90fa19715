//! The story's tasks: how they come, hang, and are asked for.

use std::{collections::BTreeMap, fmt, time::Duration};

use reenact::{Error, Result, incident::*, poll, poll::Look};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    super::{
        Director,
        api::Reply,
        db,
        manifest::{self, PAASTA},
    },
    SOON,
};

/// A task of the story: the report's by their numbers, any other by the name that the story
/// gives it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Task {
    /// By its number.
    Number(u64),
    /// By its name in the story.
    Named(&'static str),
}

impl From<u64> for Task {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&'static str> for Task {
    fn from(name: &'static str) -> Self {
        Self::Named(name)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "task {number}"),
            Self::Named(name) => write!(f, "the deploy \"{name}\""),
        }
    }
}

/// The numbers of the tasks that have a name.
#[derive(Debug, Clone, Default)]
struct Numbers(BTreeMap<&'static str, u64>);

impl Task {
    fn number(self, run: &Run<Director>) -> Result<u64> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Named(name) => {
                let number = run.kept::<Numbers>()?.0.get(name).copied();
                number.ok_or_else(|| Error::Bug(format!("the story has named no task {name:?}")))
            }
        }
    }
}

fn name(run: &Run<Director>, name: &'static str, number: u64) {
    let mut numbers: Numbers = run.kept().unwrap_or_default();
    numbers.0.insert(name, number);
    run.keep(numbers);
}

/// `bosh deploy` of the report's deployment, a task of that name in the story.
pub(in super::super) fn deploy(name: &'static str) -> Action<Director> {
    deploy_of(name, manifest::paasta())
}

/// `bosh deploy` of any deployment, a task of that name in the story.
pub(in super::super) fn deploy_of(called: &'static str, manifest: Value) -> Action<Director> {
    let what = format!("bosh deploy -d {}, \"{called}\"", manifest["name"].as_str().unwrap_or_default());
    story(what, move |run: &Run<Director>| {
        let manifest = manifest.clone();
        Box::pin(async move {
            let task = run.system().api.deploy(&manifest).await?;
            run.lab().record("story", format!("task {task}: bosh deploy -d {}", manifest["name"]));
            name(run, called, task);
            Ok(())
        })
    })
}

/// The last deploy of the report's deployment, whoever made it, has that name from here on.
pub(in super::super) fn last_deploy_is(called: &'static str) -> Action<Director> {
    story(format!("the last deploy is \"{called}\""), move |run: &Run<Director>| {
        Box::pin(async move {
            let sql = format!("SELECT max(id) FROM tasks WHERE deployment_name = '{PAASTA}'");
            let row = run.system().database.rows(&sql).await?.concat().join("");
            name(run, called, row.parse().map_err(|_| Error::inconclusive("there is no deploy"))?);
            Ok(())
        })
    })
}

/// `bosh deploy` of the report's deployment as the task of that number: the workload waits
/// for a moment, so that none of its tasks gets it.
pub(in super::super) fn deploy_as(number: u64) -> Action<Director> {
    story(format!("task {number}: bosh deploy -d {PAASTA}"), move |run: &Run<Director>| {
        Box::pin(async move {
            run.workload().pause();
            run.workload().idle().await?;
            run.system().database.next_task_is(number).await?;
            let task = run.system().api.deploy(&manifest::paasta()).await?;
            run.workload().resume();
            match task == number {
                true => Ok(()),
                false => Err(Error::inconclusive(format!("the deploy became task {task}"))),
            }
        })
    })
}

/// `bosh restart` of the instance group in z3, as the task of that number.
pub(in super::super) fn restart_as(number: u64) -> Action<Director> {
    story(format!("task {number}: bosh restart -d {PAASTA} web"), move |run: &Run<Director>| {
        Box::pin(async move {
            run.workload().pause();
            run.workload().idle().await?;
            run.system().database.next_task_is(number).await?;
            let path = format!("/deployments/{PAASTA}/jobs/web?state=restart");
            let task = run.system().api.must("PUT", &path, None).await?.task;
            run.workload().resume();
            match task {
                Some(task) if task == number => Ok(()),
                task => Err(Error::inconclusive(format!("the restart became task {task:?}"))),
            }
        })
    })
}

/// Waits until every `create_vm` of the task into z3 is in flight, whatever its row says.
pub(in super::super) fn makes_vms(task: u64) -> Action<Director> {
    wait(format!("task {task} makes VMs"), SOON, move |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().exporter.state().await.map(|state| state.creates_of(task)) {
                Ok(manifest::WEBS) => Look::Ready(()),
                Ok(some) => Look::NotYet(format!("{some} create_vm of it are in flight")),
                Err(answer) => Look::NotYet(format!("{answer:?}")),
            }
        })
    })
}

/// Waits until every `create_vm` of the task into z3 is in flight, and its VM in z1 is
/// made and known.
pub(in super::super) fn hangs(task: impl Into<Task>) -> Action<Director> {
    let task = task.into();
    wait(format!("{task} hangs in the CPI"), SOON, move |run| Box::pin(hanging(run, task)))
}

async fn hanging(run: &Run<Director>, task: Task) -> Look<()> {
    let (system, task) = match task.number(run) {
        Ok(number) => (run.system(), number),
        Err(bug) => return Look::Never(bug),
    };
    match system.exporter.state().await.map(|state| state.creates_of(task)) {
        Ok(manifest::WEBS) => {}
        Ok(some) => {
            return match system.database.task(task).await {
                Ok(Some(row)) if is_final(&row) => Look::Never(inconclusive(task, &row, "in the CPI")),
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
}

/// Waits until the task is in that state.
pub(in super::super) fn becomes(task: impl Into<Task>, state: &'static str, limit: Duration) -> Action<Director> {
    let task = task.into();
    wait(format!("{task} is {state}"), limit, move |run| Box::pin(being(run, task, state)))
}

async fn being(run: &Run<Director>, task: Task, state: &str) -> Look<()> {
    let task = match task.number(run) {
        Ok(number) => number,
        Err(bug) => return Look::Never(bug),
    };
    match run.system().database.task(task).await {
        Ok(Some(row)) if row.state == state => Look::Ready(()),
        Ok(Some(row)) if is_final(&row) => Look::Never(inconclusive(task, &row, state)),
        Ok(Some(row)) => Look::NotYet(format!("it is {}", row.state)),
        Ok(None) => Look::NotYet("there is no such task".into()),
        Err(error) => Look::NotYet(error.to_string()),
    }
}

fn is_final(row: &db::Task) -> bool {
    matches!(row.state.as_str(), "done" | "error" | "cancelled")
}

fn inconclusive(task: u64, row: &db::Task, wanted: &str) -> Error {
    let db::Task { state, result } = row;
    Error::inconclusive(format!("task {task} is {state} and not {wanted}: {result}"))
}

/// Claims that the task has ended well, whatever was done beside it.
pub(in super::super) fn is_done(task: u64) -> Action<Director> {
    story(format!("task {task}, which was well, is done"), move |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().database.task(task).await?.map(|row| row.state) {
                Some(state) if state == "done" => Ok(()),
                state => Err(Error::failed(format!("task {task} was well, and is {state:?} now"))),
            }
        })
    })
}

/// Asks the director for a task, as `bosh task N` does, until it is in that state: a task
/// whose checkpoint is old becomes `timeout` by being asked for.
pub(in super::super) fn asked_for(task: impl Into<Task>, state: &'static str) -> Action<Director> {
    let task = task.into();
    wait(format!("{task}, asked for, is shown as {state}"), SOON, move |run: &Run<Director>| {
        Box::pin(async move {
            let task = match task.number(run) {
                Ok(number) => number,
                Err(bug) => return Look::Never(bug),
            };
            match run.system().api.ask("GET", &format!("/tasks/{task}"), None).await {
                Ok(reply) if reply.body.contains(&format!(r#""state":"{state}""#)) => Look::Ready(()),
                Ok(reply) => Look::NotYet(reply.body),
                Err(trouble) => Look::NotYet(trouble.why()),
            }
        })
    })
}

/// `bosh cancel-task`, after which the task stays `cancelling` for so many seconds of
/// production.
pub(in super::super) fn cancel_in_vain(task: impl Into<Task>, seconds: u64) -> Action<Director> {
    let task = task.into();
    story(format!("bosh cancel-task, and {task} stays cancelling"), move |run: &Run<Director>| {
        Box::pin(async move {
            let (task, system) = (task.number(run)?, run.system());
            system.api.cancel(task).await?;
            let end = Instant::now() + system.setup.pace.production(seconds);
            while Instant::now() < end {
                let state = system.database.task(task).await?.map(|row| row.state).unwrap_or_default();
                if state != "cancelling" {
                    let why = format!("task {task} was cancelled and is {state}: it did not hang");
                    return Err(Error::inconclusive(why));
                }
                tokio::time::sleep(poll::EVERY * 5).await;
            }
            Ok(())
        })
    })
}

/// `bosh cancel-task`, which the director must answer with 400: the task is `cancelling`, or
/// has ended.
pub(in super::super) fn cannot_be_cancelled(task: u64) -> Action<Director> {
    story(format!("bosh cancel-task {task}, which is refused"), move |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().api.ask("DELETE", &format!("/task/{task}"), None).await {
                Ok(Reply { status: 400, body, .. }) => {
                    run.lab().record("story", format!("bosh cancel-task {task}: 400 {body}"));
                    Ok(())
                }
                Ok(Reply { status, .. }) => {
                    Err(Error::failed(format!("the cancel of task {task} should be answered with 400, not {status}")))
                }
                Err(trouble) => Err(Error::inconclusive(format!("the director does not answer: {}", trouble.why()))),
            }
        })
    })
}
