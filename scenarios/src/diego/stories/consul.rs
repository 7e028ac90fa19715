//! What incidents of Consul and of the BBS's lock have in common.

use std::time::Duration;

use reenact::{
    Error, Result,
    fault::OnTestbed,
    probe::{Answer, Observation, Signal},
    stage::{Fingerprint, Stage, latest, logged},
    testbed::Node,
    wait::{self, Look},
};

use super::super::{BBSES, CONSULS, Diego, consul::Agent};
use crate::answer::describe;

/// How long a part may take to say how it is.
const LIMIT: Duration = Duration::from_secs(1);

/// Consul's servers have no leader, and say so.
pub(in super::super) const NO_LEADER: Fingerprint = Fingerprint {
    id: "no leader",
    report: "/v1/status/leader is \"\"",
    shows: |seen| told(seen, "consul:server", |answer| answer.get("leader") == Some("")),
};

/// A BBS's claim is answered so.
pub(in super::super) const NO_CLUSTER_LEADER: Fingerprint = Fingerprint {
    id: "no cluster leader",
    report: "KV and session: HTTP 500 No cluster leader",
    shows: |seen| logged(seen, &["500", "No cluster leader"]),
};

/// The BBS that led ends.
pub(in super::super) const LOST_LOCK: Fingerprint =
    Fingerprint { id: "lost lock", report: "lost-lock, and the BBS exits", shows: |seen| logged(seen, &["lost-lock"]) };

/// None of the BBSes listens, by each one's latest word at some moment.
pub(in super::super) const NOBODY_LISTENS: Fingerprint = Fingerprint {
    id: "nobody listens",
    report: "no BBS listens",
    shows: |seen| {
        let mut refused = [false; BBSES.len()];
        seen.iter().any(|observation| {
            if let (Some(answer), Some(at)) =
                (asked(observation, "bbs:ping"), BBSES.iter().position(|bbs| *bbs == observation.node))
            {
                refused[at] = *answer == Answer::Refused;
            }
            refused.iter().all(|refused| *refused)
        })
    },
};

/// A BBS answers a ping, and not its list.
pub(in super::super) const PING_LIES: Fingerprint = Fingerprint {
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

fn told(seen: &[Observation], what: &str, says: impl Fn(&Answer) -> bool) -> bool {
    seen.iter().filter_map(|observation| asked(observation, what)).any(says)
}

/// The BBS that leads, and the one that waits.
///
/// # Errors
/// [`Error::Inconclusive`] if not just one does.
pub(in super::super) async fn leader_and_standby<P>(stage: &Stage<Diego, P>) -> Result<(&'static str, &'static str)> {
    let mut held = [false; BBSES.len()];
    for ((node, bbs), held) in stage.system().bbses().zip(&mut held) {
        let said = bbs.holds_lock(LIMIT).await;
        *held = said.map_err(|answer| Error::inconclusive(format!("{node:?}: {}", describe(&answer))))?;
    }
    match held {
        [true, false] => Ok((BBSES[0], BBSES[1])),
        [false, true] => Ok((BBSES[1], BBSES[0])),
        _ => Err(Error::inconclusive(format!("not just one BBS holds the lock: {held:?}"))),
    }
}

/// Two sides of Diego for a cut: the first server of Consul's with the BBS that waits, and the
/// other ones.
pub(in super::super) async fn sides<P>(stage: &Stage<Diego, P>) -> Result<([&'static str; 2], [&'static str; 3])> {
    let (leader, standby) = leader_and_standby(stage).await?;
    let [alone, others @ ..] = CONSULS;
    Ok(([alone, standby], [others[0], others[1], leader]))
}

/// Consul's server that leads, and the other ones.
///
/// # Errors
/// [`Error::Inconclusive`] if there is none.
pub(in super::super) async fn leader_and_others<P>(
    stage: &Stage<Diego, P>,
) -> Result<(&'static str, Vec<&'static str>)> {
    let Some((_, agent)) = stage.system().servers().next() else { return Err(Error::Bug("no Consul".into())) };
    let named = wait::until("Consul to name its leader", Duration::from_secs(20), || async {
        match agent.leader(LIMIT).await {
            Ok(leader) if !leader.is_empty() => Look::Ready(leader),
            Ok(_) => Look::NotYet("it has none".into()),
            Err(answer) => Look::NotYet(describe(&answer)),
        }
    });
    let leader = named.await.map_err(|error| Error::inconclusive(error.to_string()))?;
    let is_leader = |name: &&str| {
        let ip = stage.system().bed().node(name).map(Node::ip);
        ip.is_ok_and(|ip| leader.starts_with(&format!("{ip}:")))
    };
    let (leading, others): (Vec<_>, Vec<_>) = CONSULS.into_iter().partition(|name| is_leader(name));
    match leading[..] {
        [leading] => Ok((leading, others)),
        _ => Err(Error::inconclusive(format!("Consul's leader is {leader:?}"))),
    }
}

/// Waits until a server's peers are as wanted, as that server has them.
pub(in super::super) async fn peers<P>(
    stage: &Stage<Diego, P>,
    by: &str,
    what: &str,
    wanted: impl Fn(&[(String, bool)]) -> bool,
) -> Result<()> {
    let agent: Agent = server(stage, by)?;
    stage
        .wait_for(what, Duration::from_secs(40), || async {
            match agent.peers(LIMIT).await {
                Ok(peers) if wanted(&peers) => Look::Ready(()),
                Ok(peers) => Look::NotYet(format!("{peers:?}")),
                Err(answer) => Look::NotYet(describe(&answer)),
            }
        })
        .await
}

fn server<P>(stage: &Stage<Diego, P>, name: &str) -> Result<Agent> {
    let found = stage.system().servers().find(|(node, _)| node.name() == name);
    found.map(|(_, agent)| agent).ok_or_else(|| Error::Bug(format!("no server {name}")))
}

/// Waits until that BBS leads.
pub(in super::super) async fn until_leads<P>(stage: &Stage<Diego, P>, name: &str, limit: Duration) -> Result<()> {
    let found = stage.system().bbses().find(|(node, _)| node.name() == name);
    let (_, bbs) = found.ok_or_else(|| Error::Bug(format!("no BBS {name}")))?;
    let what = format!("the BBS on {name} to lead");
    stage
        .wait_for(&what, limit, || async {
            bbs.ping(LIMIT).await.map_or_else(|answer| Look::NotYet(describe(&answer)), |_| Look::Ready(()))
        })
        .await
}
