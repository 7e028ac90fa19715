//! What incidents of Consul and of the BBS's lock have in common.

use std::{collections::BTreeSet, time::Duration};

use reenact::{
    Error, Result,
    fingerprint::{Fingerprint, latest, logged},
    incident::*,
    probe::{Answer, Observation, Signal},
    wait::{self, Look},
};

use super::super::{BBSES, CONSULS, Diego};
use crate::answer::describe;

/// How long a part may take to say how it is.
const LIMIT: Duration = Duration::from_secs(1);

/// Consul's servers have no leader, and say so.
pub(crate) const NO_LEADER: Fingerprint = Fingerprint {
    id: "no leader",
    report: "/v1/status/leader is \"\"",
    shows: |seen| told(seen, "consul:server", |answer| answer.get("leader") == Some("")),
};

/// A BBS's claim is answered so.
pub(crate) const NO_CLUSTER_LEADER: Fingerprint = Fingerprint {
    id: "no cluster leader",
    report: "KV and session: HTTP 500 No cluster leader",
    shows: |seen| logged(seen, &["500", "No cluster leader"]),
};

/// The BBS that led ends.
pub(crate) const LOST_LOCK: Fingerprint =
    Fingerprint { id: "lost lock", report: "lost-lock, and the BBS exits", shows: |seen| logged(seen, &["lost-lock"]) };

/// None of the BBSes listens, by each one's latest word at some moment.
pub(crate) const NOBODY_LISTENS: Fingerprint = Fingerprint {
    id: "nobody listens",
    report: "no BBS listens",
    shows: |seen| at_once(seen, "bbs:ping", BBSES, |said| said.iter().all(|answer| **answer == Answer::Refused)),
};

/// All BBSes listen, by each one's latest word at some moment.
pub(crate) const ALL_LISTEN: Fingerprint = Fingerprint {
    id: "all listen",
    report: "several BBSes think that they lead",
    shows: |seen| {
        at_once(seen, "bbs:ping", BBSES, |said| said.iter().all(|answer| answer.get("available") == Some("true")))
    },
};

/// Consul's servers follow two leaders.
pub(crate) const TWO_LEADERS: Fingerprint = Fingerprint {
    id: "two leaders",
    report: "peers.json with itself only: it leads",
    shows: |seen| {
        at_once(seen, "consul:server", CONSULS, |said| {
            let leaders = said.iter().filter_map(|answer| answer.get("leader")).filter(|leader| !leader.is_empty());
            leaders.collect::<BTreeSet<_>>().len() == 2
        })
    },
};

/// A server of Consul's is a peer that may not vote.
pub(crate) const WITHOUT_VOTE: Fingerprint = Fingerprint {
    id: "without a vote",
    report: "autopilot re-adds a dead server as a non-voter",
    shows: |seen| {
        told(seen, "consul:server", |answer| match answer {
            Answer::Values { values } => values.values().any(|role| role == "nonvoter"),
            _ => false,
        })
    },
};

/// Whether the lock was held by a session, was not any more, and was again.
pub(crate) fn session_returns(seen: &[Observation]) -> bool {
    let lock = |observation| asked(observation, "consul:lock");
    let said = seen.iter().filter(|observation| observation.node == CONSULS[0]).filter_map(lock);
    let mut sessions: Vec<_> = said.filter_map(|answer| answer.get("session")).collect();
    sessions.dedup();
    sessions.iter().enumerate().any(|(at, session)| !session.is_empty() && sessions[..at].contains(session))
}

/// A BBS answers a ping, and not its list.
pub(crate) const PING_LIES: Fingerprint = Fingerprint {
    id: "ping lies",
    report: "ping 200, every list fails",
    shows: |seen| {
        let list_fails = |answer: &Answer| !matches!(answer, Answer::Values { .. } | Answer::Refused);
        let pings = latest(seen, |signal| match signal {
            Signal::Query { of, answer } if of == "bbs:ping" => Some(answer.get("available") == Some("true")),
            _ => None,
        });
        let lists = latest(seen, |signal| match signal {
            Signal::Query { of, answer } if of == "bbs:list" => Some(list_fails(answer)),
            _ => None,
        });
        pings.iter().any(|(node, pings)| *pings && lists.get(node) == Some(&true))
    },
};

fn asked<'o>(observation: &'o Observation, what: &str) -> Option<&'o Answer> {
    match &observation.signal {
        Signal::Query { of, answer } if of == what => Some(answer),
        _ => None,
    }
}

/// Whether the latest words of all these nodes on something were so at some moment.
fn at_once<const N: usize>(
    seen: &[Observation],
    what: &str,
    nodes: [&str; N],
    is_so: impl Fn(&[&Answer]) -> bool,
) -> bool {
    let mut latest = [None; N];
    seen.iter().any(|observation| {
        let at = nodes.iter().position(|node| *node == observation.node);
        let (Some(at), Some(answer)) = (at, asked(observation, what)) else { return false };
        latest[at] = Some(answer);
        let all: Option<Vec<_>> = latest.into_iter().collect();
        all.is_some_and(|all| is_so(&all))
    })
}

fn told(seen: &[Observation], what: &str, says: impl Fn(&Answer) -> bool) -> bool {
    seen.iter().filter_map(|observation| asked(observation, what)).any(says)
}

/// The BBS that leads, and the one that waits.
///
/// # Errors
/// [`Error::Inconclusive`] if not just one does.
pub(crate) async fn leader_and_standby(diego: &Diego) -> Result<(&'static str, &'static str)> {
    let mut held = [false; BBSES.len()];
    for ((node, bbs), held) in diego.bbses().zip(&mut held) {
        let said = bbs.holds_lock(LIMIT).await;
        *held = said.map_err(|answer| Error::inconclusive(format!("{node:?}: {}", describe(&answer))))?;
    }
    match held {
        [true, false] => Ok((BBSES[0], BBSES[1])),
        [false, true] => Ok((BBSES[1], BBSES[0])),
        _ => Err(Error::inconclusive(format!("not just one BBS holds the lock: {held:?}"))),
    }
}

/// Has the BBS on that machine lead: an operator restarts the other one where that leads.
pub(crate) fn is_led_by(node: &'static str) -> Action<Diego> {
    story(format!("the BBS on {node} leads"), move |run: &Run<Diego>| {
        Box::pin(async move {
            match leader_and_standby(run.system()).await? {
                (leader, _) if leader == node => return Ok(()),
                (other, _) => run.operator().must(other, &["monit", "restart", "bbs"]).await?,
            };
            let bbs = run.system().bbs(node)?;
            let leads = || async { super::look_at(bbs.ping(LIMIT).await, |there| *there) };
            run.wait_for(&format!("the BBS on {node} to lead"), secs(40), leads).await
        })
    })
}

/// Waits until the BBS on that machine leads.
pub(crate) fn leads(node: &'static str, limit: Duration) -> Action<Diego> {
    wait(format!("the BBS on {node} leads"), limit, move |run: &Run<Diego>| {
        Box::pin(async move {
            match run.system().bbs(node) {
                Ok(bbs) => super::look_at(bbs.ping(LIMIT).await, |there| *there),
                Err(error) => Look::Never(error),
            }
        })
    })
}

/// Consul's server that leads, and the other ones.
///
/// # Errors
/// [`Error::Inconclusive`] if there is none.
pub(crate) async fn leader_and_others(diego: &Diego) -> Result<(&'static str, Vec<&'static str>)> {
    let agent = diego.server(CONSULS[0])?;
    let named = wait::until("Consul to name its leader", secs(20), || async {
        match agent.leader(LIMIT).await {
            Ok(leader) if !leader.is_empty() => Look::Ready(leader),
            Ok(_) => Look::NotYet("it has none".into()),
            Err(answer) => Look::NotYet(describe(&answer)),
        }
    });
    let leader = named.await.map_err(|error| Error::inconclusive(error.to_string()))?;
    let is_leader = |name: &&str| diego.server(name).is_ok_and(|server| leader.starts_with(&format!("{}:", server.ip)));
    let (leading, others): (Vec<_>, Vec<_>) = CONSULS.into_iter().partition(|name| is_leader(name));
    match leading[..] {
        [leading] => Ok((leading, others)),
        _ => Err(Error::inconclusive(format!("Consul's leader is {leader:?}"))),
    }
}

/// Waits until a server's peers are as wanted, as that server has them: each one's address, and
/// whether it votes.
pub(crate) fn peers(by: &'static str, what: &'static str, wanted: fn(&[(String, bool)]) -> bool) -> Action<Diego> {
    wait(what, secs(40), move |run: &Run<Diego>| {
        Box::pin(async move {
            match run.system().server(by) {
                Ok(server) => super::look_at(server.peers(LIMIT).await, |peers| wanted(peers)),
                Err(error) => Look::Never(error),
            }
        })
    })
}
