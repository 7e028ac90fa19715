//! etcd's quorum: how its loss shows, and what members say of it when they are asked by hand.

use std::{collections::BTreeSet, time::Duration};

use futures::future::try_join_all;
use reenact::{
    Error, Result,
    fingerprint::{Fingerprint, latest},
    incident::*,
    probe::{Answer, Observation, Signal},
    wait::Look,
};
use serde_json::Value;

use super::super::{BBSES, Diego, ETCDS, detectors::QUORUM_LOST, etcd::CLIENTS, http::Request};
use crate::answer::describe;

/// How long a member may take to answer by itself.
const LIMIT: Duration = Duration::from_secs(2);
/// A member that waits for its quorum gives up after 7 s.
const WITH_QUORUM: Duration = Duration::from_secs(9);

/// What is asked by hand. No detector hears of it.
const STATE: &str = "by_hand:state";
const HEALTH: &str = "by_hand:health";
const READ: &str = "by_hand:read";
const WRITE: &str = "by_hand:write";

/// A key that only stories write, of no meaning to Diego.
const KEY: &str = "/v2/keys/by_hand";

/// How etcd's loss of its quorum shows, however it came about.
pub(crate) const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "write-300",
        report: "writes: HTTP 500 after 7 s, errorCode 300, etcdserver: request timed out",
        shows: |seen| said(seen, WRITE).any(|(_, answer)| is_timeout(answer)),
    },
    Fingerprint {
        id: "local-read",
        report: "local reads stay 200",
        shows: |seen| said(seen, READ).any(|(_, answer)| matches!(answer, Answer::Values { .. })),
    },
    Fingerprint { id: "health-false", report: "/health is false", shows: is_unhealthy },
    PING_LIES,
];

/// The BBS says that it is there, and can list nothing.
pub(crate) const PING_LIES: Fingerprint = Fingerprint {
    id: "ping-lies",
    report: "ping 200, every list fails",
    shows: |seen| BBSES.iter().any(|bbs| lies(seen, bbs)),
};

/// Those, and one more.
pub(crate) const fn with(more: Fingerprint) -> [Fingerprint; PRINTS.len() + 1] {
    let mut all = [more; PRINTS.len() + 1];
    let mut at = 0;
    while at < PRINTS.len() {
        all[at] = PRINTS[at];
        at += 1;
    }
    all
}

/// What all members say of themselves when none sees another.
pub(crate) const ALL_LEAD: Fingerprint = Fingerprint {
    id: "all-lead",
    report: "under a full partition all three members say StateLeader",
    shows: |seen| {
        let leads = |(_, answer): &(&str, &Answer)| describe(answer).contains("StateLeader");
        said(seen, STATE).filter(leads).map(|(node, _)| node).collect::<BTreeSet<_>>().len() == ETCDS.len()
    },
};

/// Who was asked that, and what each said.
fn said<'a>(seen: &'a [Observation], what: &str) -> impl Iterator<Item = (&'a str, &'a Answer)> {
    seen.iter().filter_map(move |observation| match &observation.signal {
        Signal::Query { of, answer } if of == what => Some((observation.node.as_str(), answer)),
        _ => None,
    })
}

/// Whether a member's /health was false.
pub(crate) fn is_unhealthy(seen: &[Observation]) -> bool {
    said(seen, HEALTH).any(|(_, answer)| describe(answer).contains("false"))
}

/// Whether that member took a write.
pub(crate) fn wrote(seen: &[Observation], by: &str) -> bool {
    said(seen, WRITE).any(|(node, answer)| node == by && matches!(answer, Answer::Values { .. }))
}

/// What that member last had in its own copy.
pub(crate) fn read_by(seen: &[Observation], by: &str) -> Option<String> {
    let (_, answer) = said(seen, READ).filter(|(node, _)| *node == by).last()?;
    let said: Value = serde_json::from_str(answer.get("said")?).ok()?;
    said["node"]["value"].as_str().map(str::to_owned)
}

fn is_timeout(answer: &Answer) -> bool {
    let words = [r#""errorCode":300"#, "etcdserver: request timed out"];
    matches!(answer, Answer::Error { code, text } if code == "500" && words.iter().all(|word| text.contains(word)))
}

/// Whether its last two lists failed, and its last ping did not.
fn lies(seen: &[Observation], bbs: &str) -> bool {
    let lists: Vec<_> = said(seen, "bbs:list").filter(|(node, _)| *node == bbs).collect();
    let fail = lists.iter().rev().take(2).filter(|(_, answer)| !matches!(answer, Answer::Values { .. })).count();
    let pings = latest(seen, |signal| match signal {
        Signal::Query { of, answer } if of == "bbs:ping" => Some(answer.get("available") == Some("true")),
        _ => None,
    });
    fail == 2 && pings.get(bbs) == Some(&true)
}

/// Asks one member by hand, and keeps the answer.
async fn ask(run: &Run<Diego>, node: &str, what: &str, request: Request<'_>) -> Result<Answer> {
    let diego = run.system();
    let answer = match diego.http.ask(diego.member(node)?.ip, CLIENTS, request).await {
        Ok(said) => Answer::Values { values: [("said".to_owned(), said.to_string())].into() },
        Err(answer) => answer,
    };
    run.lab().note("by hand", format!("{node}: {what}: {}", describe(&answer).chars().take(200).collect::<String>()));
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
