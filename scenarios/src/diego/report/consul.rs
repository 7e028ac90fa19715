//! The marks by which incidents of Consul and of the BBS's lock are known.

use std::collections::BTreeSet;

use reenact::{
    fingerprint::{Fingerprint, logged},
    probe::{Answer, Observation, Signal},
};

use super::super::{BBSES, CONSULS};

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
    let said = seen.iter().filter(|observation| observation.node == CONSULS[0]);
    let mut sessions: Vec<_> = said
        .filter_map(|observation| match asked(observation, "consul:lock")? {
            // It is left out where there is no key, or nobody holds it.
            answer @ Answer::Values { .. } => Some(answer.get("session").unwrap_or_default()),
            _ => None,
        })
        .collect();
    sessions.dedup();
    sessions.iter().enumerate().any(|(at, session)| !session.is_empty() && sessions[..at].contains(session))
}

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
