//! Statements that wait for a row, and requests that are made meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use reenact::{Error, Result, incident::*, poll::Look};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    super::{
        Director,
        api::{Reply, Trouble},
        faults::RowHeld,
    },
    SOON,
};

/// The row of a task is held.
pub(in super::super) fn task_is_held(task: u64) -> RowHeld {
    RowHeld::of_task(task)
}

/// The row of a lock is held.
pub(in super::super) fn lock_is_held(lock: &str) -> RowHeld {
    RowHeld::of_lock(lock)
}

/// Waits until so many statements that begin with these words wait for somebody's lock.
pub(in super::super) fn waits(what: &'static str, begin: &'static str, count: usize) -> Action<Director> {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND starts_with(query, '{}')",
        begin.replace('\'', "''")
    );
    wait(format!("{what} waits for the row"), SOON, move |run: &Run<Director>| {
        let sql = sql.clone();
        Box::pin(async move {
            match run.system().database.rows(&sql).await.map(|rows| rows.concat().join("")) {
                Ok(waiting) if waiting == count.to_string() => Look::Ready(()),
                Ok(waiting) => Look::NotYet(format!("{waiting} such statements wait")),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
    })
}

/// What becomes of a request.
type Answered = Result<Reply, Trouble>;

/// A request that is under way.
#[derive(Clone)]
struct UnderWay(Arc<Mutex<Option<JoinHandle<Answered>>>>);

/// Sends a request, and does not wait for its answer: see [`is_answered`].
pub(in super::super) fn asks(method: &'static str, path: &'static str) -> Action<Director> {
    story(format!("{method} {path}, and no answer yet"), move |run: &Run<Director>| {
        let api = run.system().api.clone();
        let asked = tokio::spawn(async move { api.ask(method, path, None).await });
        run.keep(UnderWay(Arc::new(Mutex::new(Some(asked)))));
        Box::pin(async { Ok(()) })
    })
}

/// The request that is under way is answered with that status.
pub(in super::super) fn is_answered(status: u16) -> Action<Director> {
    story(format!("it is answered with {status}"), move |run: &Run<Director>| {
        Box::pin(async move {
            let UnderWay(asked) = run.kept::<UnderWay>()?;
            let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
            let asked = asked.ok_or_else(|| Error::Bug("no request is under way".into()))?;
            match asked.await.map_err(|error| Error::Bug(error.to_string()))? {
                Ok(reply) if reply.status == status => Ok(()),
                Ok(reply) => Err(Error::inconclusive(format!("it is answered with {}: {}", reply.status, reply.body))),
                Err(trouble) => Err(Error::inconclusive(trouble.why())),
            }
        })
    })
}

/// What an operator's request must be answered with.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Question {
    /// What is typed.
    pub(in super::super) typed: &'static str,
    /// The request that the CLI makes of it.
    pub(in super::super) method: &'static str,
    /// Its path.
    pub(in super::super) path: &'static str,
    /// Its body, JSON; empty: none.
    pub(in super::super) body: &'static str,
    /// The status.
    pub(in super::super) status: u16,
    /// Words of the answer; of the result, where the answer is a task.
    pub(in super::super) says: &'static str,
}

/// Asks them all, one after another, and compares every answer.
pub(in super::super) fn answers(all: &'static [Question]) -> Action<Director> {
    story(format!("{} requests of the CLI's are answered as the real director does", all.len()), move |run| {
        Box::pin(async move {
            let mut wrong = Vec::new();
            for question in all {
                let (status, said) = answer(run, question).await?;
                if status != question.status || !said.contains(question.says) {
                    wrong.push(format!(
                        "{}: {status} {said}, and not {} {}",
                        question.typed, question.status, question.says
                    ));
                }
            }
            if wrong.is_empty() { Ok(()) } else { Err(Error::failed(wrong.join("\n"))) }
        })
    })
}

async fn answer(run: &Run<Director>, question: &Question) -> Result<(u16, String)> {
    let api = &run.system().api;
    let unfit = |trouble: Trouble| Error::inconclusive(format!("{}: {}", question.typed, trouble.why()));
    let body: Option<Value> = serde_json::from_str(question.body).ok();
    let reply = api.ask(question.method, question.path, body.as_ref()).await.map_err(unfit)?;
    let Some(task) = reply.task else { return Ok((reply.status, reply.body)) };
    let ended = format!("SELECT 1 FROM tasks WHERE id = {task} AND state NOT IN ('queued', 'processing')");
    run.wait_for(&format!("task {task} to end"), SOON, || async {
        match run.system().database.rows(&ended).await {
            Ok(rows) if rows.is_empty() => Look::NotYet("it has not".into()),
            Ok(_) => Look::Ready(()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await?;
    let sql = format!("SELECT concat_ws(' ', state, result, event_output, result_output) FROM tasks WHERE id = {task}");
    Ok((reply.status, run.system().database.rows(&sql).await?.concat().join("")))
}
