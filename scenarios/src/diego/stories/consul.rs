//! What incidents of Consul and of the BBS's lock have in common.

use std::time::Duration;

use reenact::{
    Error, Result,
    incident::*,
    poll::{self, Look},
};

use super::super::{BBSES, CONSULS, Diego};
use crate::answer::describe;

/// How long a part may take to say how it is.
const LIMIT: Duration = Duration::from_secs(1);

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
    let named = poll::until("Consul to name its leader", secs(20), || async {
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
