//! etcd's quorum: how its loss shows, and what members say of it when they are asked by hand.

use std::{collections::BTreeSet, time::Duration};

use futures::future::try_join_all;
use reenact::{
    Error, Result,
    fault::PowerOff,
    probe::{Answer, Observation, Signal},
    stage::{
        Fingerprint, Lab, Stage, latest,
        phase::{Detected, Faulted},
    },
    wait::Look,
};
use serde_json::Value;

use super::super::{
    BBSES, Diego, ETCDS, Setup,
    detectors::QUORUM_LOST,
    etcd::CLIENTS,
    http::Request,
    recipe,
    runbooks::{BringMembersBack, ReplaceMember, RestartVms, WipeAll},
};
use crate::answer::describe;

/// How long a member may take to answer by itself.
const LIMIT: Duration = Duration::from_secs(2);
/// A member that waits for its quorum gives up after 7 s.
const WITH_QUORUM: Duration = Duration::from_secs(9);

/// What is asked by hand, as the stream has it. No detector reads these.
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

/// What is judged where two machines lost their power.
pub(crate) const BY_KILL_RUNBOOKS: &[&str] = &[
    "right: switch the machines on, and touch no other",
    "refuses: remove and add the survivor, without a quorum",
    "refuses: restart the VMs of Consul, etcd and the BBS, while the survivor can be read",
    "refuses: wipe every member, while the survivor can be read",
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
async fn ask<P>(stage: &Stage<Diego, P>, node: &str, what: &str, request: Request<'_>) -> Result<Answer> {
    let diego = stage.system();
    let answer = match diego.http.ask(diego.member(node)?.ip, CLIENTS, request).await {
        Ok(said) => Answer::Values { values: [("said".to_owned(), said.to_string())].into() },
        Err(answer) => answer,
    };
    stage.lab().note("by hand", format!("{node}: {what}: {}", describe(&answer).chars().take(200).collect::<String>()));
    stage.lab().stream().record(node, Signal::Query { of: what.into(), answer: answer.clone() });
    Ok(answer)
}

/// Writes by one member: `Ok` if it is taken.
pub(crate) async fn write<P>(stage: &Stage<Diego, P>, node: &str, value: &str) -> Result<Answer> {
    ask(stage, node, WRITE, Request::form(KEY, format!("value={value}"), WITH_QUORUM)).await
}

/// Reads a member's own copy.
pub(crate) async fn read<P>(stage: &Stage<Diego, P>, node: &str) -> Result<Answer> {
    ask(stage, node, READ, Request::get(KEY, LIMIT)).await
}

/// Asks those members what a person on call would: to take a write, to read, and how they
/// are. The write comes first, for it takes as long as they take to notice.
pub(crate) async fn asked_by_hand<P>(stage: &Stage<Diego, P>, nodes: &[&str]) -> Result<()> {
    stage.lab().phase("etcd's members are asked by hand");
    try_join_all(nodes.iter().map(|&node| async move {
        write(stage, node, "lost").await?;
        ask(stage, node, READ, Request::get("/v2/keys/?recursive=true", LIMIT)).await?;
        ask(stage, node, HEALTH, Request::get("/health", LIMIT)).await?;
        ask(stage, node, STATE, Request::get("/v2/stats/self", LIMIT)).await
    }))
    .await
    .map(drop)
}

/// Asks a member for its health.
pub(crate) async fn health<P>(stage: &Stage<Diego, P>, node: &str) -> Result<Answer> {
    ask(stage, node, HEALTH, Request::get("/health", LIMIT)).await
}

/// Which member leads.
///
/// # Errors
/// [`Error::Inconclusive`] if none says so.
pub(crate) async fn leader(diego: &Diego) -> Result<&'static str> {
    for node in ETCDS {
        match diego.member(node)?.status(LIMIT).await {
            Ok(status) if status.leader == status.id => return Ok(node),
            _ => {}
        }
    }
    Err(Error::inconclusive("no member of etcd leads"))
}

/// Waits until each of these nodes has logged a line with those words since the first fault.
pub(crate) async fn logs<P>(stage: &Stage<Diego, P>, nodes: &[&str], words: &[&str], limit: Duration) -> Result<()> {
    let what = format!("{} to log {words:?}", nodes.join(", "));
    stage
        .wait_for(&what, limit, || async {
            let silent = stage.lab().stream().read(|seen| {
                let logged = |node: &str| seen.iter().any(|line| line.node == node && line.is_log_with(words));
                nodes.iter().filter(|node| !logged(node)).copied().collect::<Vec<_>>().join(", ")
            });
            if silent.is_empty() { Look::Ready(()) } else { Look::NotYet(format!("{silent} did not")) }
        })
        .await
}

/// Waits until no member answers at all: their ports are closed, or take a connection that
/// nobody serves.
pub(crate) async fn dark<P>(stage: &Stage<Diego, P>, limit: Duration) -> Result<()> {
    stage
        .wait_for("every member of etcd to answer nothing", limit, || async {
            for (node, member) in stage.system().members() {
                match member.status(LIMIT).await {
                    Err(Answer::Refused | Answer::Hung { .. }) => {}
                    Err(answer) => return Look::NotYet(format!("{}: {}", node.name(), describe(&answer))),
                    Ok(_) => return Look::NotYet(format!("{} answers", node.name())),
                }
            }
            Look::Ready(())
        })
        .await
}

/// Shows and detects the loss, of which those members tell who still answer.
pub(crate) async fn shown(
    stage: Stage<Diego, Faulted>,
    answering: &[&str],
    prints: &[Fingerprint],
) -> Result<Stage<Diego, Detected>> {
    asked_by_hand(&stage, answering).await?;
    let limit = Duration::from_secs(20);
    stage.fingerprints(prints, limit).await?.detect(QUORUM_LOST, limit).await
}

/// Two of three machines lose power, and are switched on again.
pub(crate) async fn lost_by_kill(lab: &Lab, setup: Setup) -> Result<()> {
    let steady = recipe::steady(lab, setup).await?;
    let broken = steady.inject(PowerOff::of(&["etcd2", "etcd3"])).await?;
    let broken = shown(broken, &["etcd1"], PRINTS).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.refuses(&ReplaceMember { setup, node: "etcd1" }).await?;
    let broken = broken.refuses(&RestartVms { setup, forced: false }).await?;
    let broken = broken.refuses(&WipeAll { setup, forced: false }).await?;
    recipe::healed_by(&BringMembersBack { setup }, broken, Duration::from_secs(60)).await
}

/// Makes that many entries in etcd's log, by writes of one small key on that member's machine.
pub(crate) async fn write_many<P>(stage: &Stage<Diego, P>, by: &str, entries: u32) -> Result<()> {
    stage.lab().phase(format!("{entries} entries are written"));
    let url = format!("http://127.0.0.1:{CLIENTS}{KEY}?value=[1-{entries}]");
    let written = stage.operator().must(by, &["curl", "-sSf", "-Z", "-o", "/dev/null", "-X", "PUT", &url]).await;
    written.map(drop).map_err(|error| Error::inconclusive(error.to_string()))
}
