//! etcd's quorum, and what its members are asked by hand.

use std::time::Duration;

use futures::future::try_join_all;
use reenact::{
    Error, Result,
    incident::*,
    poll::Look,
    probe::{Answer, Signal},
};

use super::super::{
    Diego,
    detectors::QUORUM_LOST,
    etcd::CLIENTS,
    http::Request,
    report::{HEALTH, READ, STATE, WRITE},
};
use crate::answer::describe;

/// How long a member may take to answer by itself.
const LIMIT: Duration = Duration::from_secs(2);
/// A member that waits for its quorum gives up after 7 s.
const WITH_QUORUM: Duration = Duration::from_secs(9);

/// A key that only stories write, of no meaning to Diego.
const KEY: &str = "/v2/keys/by_hand";

/// Asks one member by hand, and keeps the answer.
async fn ask(run: &Run<Diego>, node: &str, what: &str, request: Request<'_>) -> Result<Answer> {
    let diego = run.system();
    let answer = match diego.http.ask(diego.member(node)?.ip, CLIENTS, request).await {
        Ok(said) => Answer::Values { values: [("said".to_owned(), said.to_string())].into() },
        Err(answer) => answer,
    };
    run.lab().record("by hand", format!("{node}: {what}: {}", describe(&answer).chars().take(200).collect::<String>()));
    run.saw_by_hand(node, Signal::Query { of: what.into(), answer: answer.clone() });
    Ok(answer)
}

async fn write(run: &Run<Diego>, node: &str, value: &str) -> Result<Answer> {
    ask(run, node, WRITE, Request::form(KEY, format!("value={value}"), WITH_QUORUM)).await
}

/// Waits until that member takes a write.
pub(crate) fn takes_a_write(node: &'static str, value: &'static str) -> Action<Diego> {
    wait(format!("{node} takes a write"), Duration::from_secs(15), move |run: &Run<Diego>| {
        Box::pin(async move {
            match write(run, node, value).await {
                Ok(Answer::Values { .. }) => Look::Ready(()),
                Ok(answer) => Look::NotYet(describe(&answer)),
                Err(error) => Look::Never(error),
            }
        })
    })
}

/// Reads a member's own copy of what was written by hand.
pub(crate) fn read(node: &'static str) -> Action<Diego> {
    story(format!("{node}'s own copy is read"), move |run: &Run<Diego>| {
        Box::pin(async move { ask(run, node, READ, Request::get(KEY, LIMIT)).await.map(drop) })
    })
}

/// Asks a member for its health.
pub(crate) fn health(node: &'static str) -> Action<Diego> {
    story(format!("{node} is asked for its health"), move |run: &Run<Diego>| {
        Box::pin(async move { ask(run, node, HEALTH, Request::get("/health", LIMIT)).await.map(drop) })
    })
}

/// Asks those members what a person on call would: to take a write, to read, and how they
/// are. The write comes first, for it takes as long as they take to notice.
pub(crate) fn asked_by_hand(nodes: &'static [&'static str]) -> Action<Diego> {
    story(format!("{} are asked by hand", nodes.join(", ")), move |run: &Run<Diego>| {
        let all = nodes.iter().map(move |&node| async move {
            write(run, node, "lost").await?;
            ask(run, node, READ, Request::get("/v2/keys/?recursive=true", LIMIT)).await?;
            ask(run, node, HEALTH, Request::get("/health", LIMIT)).await?;
            ask(run, node, STATE, Request::get("/v2/stats/self", LIMIT)).await
        });
        Box::pin(async move { try_join_all(all).await.map(drop) })
    })
}

/// The loss is detected in time.
pub(crate) fn lost() -> Diagnosis<Diego> {
    by(QUORUM_LOST, secs(20))
}

/// Waits until no member answers at all: their ports are closed, or take a connection that
/// nobody serves.
pub(crate) fn dark(limit: Duration) -> Action<Diego> {
    wait("every member of etcd answers nothing", limit, |run: &Run<Diego>| {
        Box::pin(async move {
            for (node, member) in run.system().members() {
                match member.status(LIMIT).await {
                    Err(Answer::Refused | Answer::Hung { .. }) => {}
                    Err(answer) => return Look::NotYet(format!("{}: {}", node.name(), describe(&answer))),
                    Ok(_) => return Look::NotYet(format!("{} answers", node.name())),
                }
            }
            Look::Ready(())
        })
    })
}

/// Makes that many entries in etcd's log, by writes of one small key on that member's machine.
pub(crate) fn write_many(by: &'static str, entries: u32) -> Action<Diego> {
    story(format!("{entries} entries are written"), move |run: &Run<Diego>| {
        let url = format!("http://127.0.0.1:{CLIENTS}{KEY}?value=[1-{entries}]");
        Box::pin(async move {
            let written = run.operator().must(by, &["curl", "-sSf", "-Z", "-o", "/dev/null", "-X", "PUT", &url]).await;
            written.map(drop).map_err(|error| Error::inconclusive(error.to_string()))
        })
    })
}
