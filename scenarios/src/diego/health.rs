//! What must hold of a healthy Diego: one cluster of etcd whose members agree, one leader
//! of Consul, one BBS that holds the lock and lists, and desires that are the Cloud
//! Controller's. Asked by use, and of each part.

use std::{collections::BTreeSet, time::Duration};

use futures::future::try_join_all;
use reenact::{probe::Answer, testbed::Node};

use super::{
    BBSES, CONSULS, Diego,
    consul::RAFT,
    etcd::{self, Member},
    probes, signals,
};
use crate::answer::describe;

/// How long any part may take to answer: some milliseconds, more on a loaded machine.
const LIMIT: Duration = Duration::from_secs(3);

/// So many of the newest applications may wait for nsync's next pass: the workload pushes
/// one a second or so.
const NEWEST: usize = 8;

/// What is wrong, if it is known to be, or why it cannot be told.
type Well = Result<(), String>;

fn from(node: &str) -> impl Fn(Answer) -> String {
    move |answer| format!("{node}: {}", describe(&answer))
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Well {
    if holds { Ok(()) } else { Err(why()) }
}

/// All of it.
pub(super) async fn check_all(diego: &Diego) -> Well {
    tokio::try_join!(members(diego), servers(diego), bbs(diego)).map(drop)?;
    owners(diego).await
}

/// Every member is its supervisor's. Asked last: it costs a few processes.
async fn owners(diego: &Diego) -> Well {
    let all = diego.members().map(|(node, _)| async move {
        let said = probes::owner(node, diego.bed.probe_shell()).await;
        let (pidfile, listener) = said.map_err(from(node.name()))?;
        check(!listener.is_empty() && pidfile == listener, || {
            format!("{}: the supervisor's etcd is {pidfile:?}, the listener {listener:?}", node.name())
        })
    });
    try_join_all(all).await.map(drop)
}

/// Every member is in one cluster of all and has a leader; where two hold the same
/// revision, they hold the same data.
async fn members(diego: &Diego) -> Well {
    let all = diego.members().map(|(node, member)| async move { one(diego, node, &member).await });
    let said = try_join_all(all).await?;
    let clusters: BTreeSet<_> = said.iter().map(|(cluster, _)| format!("{cluster:x}")).collect();
    check(clusters.len() == 1, || format!("etcd is in {} clusters: {clusters:?}", clusters.len()))?;
    let hashes: BTreeSet<_> = said.iter().map(|(_, hash)| (hash.revision, hash.compacted, hash.hash)).collect();
    let revisions: BTreeSet<_> = hashes.iter().map(|(revision, compacted, _)| (revision, compacted)).collect();
    check(hashes.len() == revisions.len(), || format!("etcd's members hold different data: {hashes:?}"))
}

async fn one(diego: &Diego, node: &Node, member: &Member) -> Result<(u64, signals::Hash), String> {
    let name = node.name();
    let (status, hash, members) = tokio::join!(member.status(LIMIT), member.hash(LIMIT), member.members(LIMIT));
    let status = status.map_err(from(name))?;
    check(status.leader != 0, || format!("{name} has no leader"))?;
    check(status.alarms.is_empty(), || format!("{name} has the alarm {}", status.alarms))?;
    let members = members.map_err(from(name))?.len();
    check(members == diego.members().count(), || format!("{name} knows {members} members"))?;
    Ok((status.cluster, hash.map_err(from(name))?))
}

/// Every server knows one leader, all of them vote, and each hears of every agent.
async fn servers(diego: &Diego) -> Well {
    let said = try_join_all(diego.servers().map(|(node, agent)| async move {
        let (leader, peers) = tokio::try_join!(agent.leader(LIMIT), agent.peers(LIMIT)).map_err(from(node.name()))?;
        let voters = peers.iter().filter(|(_, votes)| *votes).count();
        let servers = diego.servers().count();
        check(voters == servers && peers.len() == servers, || {
            format!("{}: of {} peers {voters} vote", node.name(), peers.len())
        })?;
        check(leader.ends_with(&format!(":{RAFT}")), || format!("{} knows no leader", node.name()))?;
        let alive = agent.alive(LIMIT).await.map_err(from(node.name()))?;
        let away = [&CONSULS[..], &BBSES].concat().into_iter().find(|name| !alive.iter().any(|other| other == name));
        check(away.is_none(), || format!("{} does not hear of the agent on {away:?}", node.name()))?;
        Ok::<_, String>(leader)
    }))
    .await?;
    let leaders: BTreeSet<_> = said.into_iter().collect();
    check(leaders.len() == 1, || format!("Consul has {} leaders: {leaders:?}", leaders.len()))
}

/// One BBS holds the lock and lists what the Cloud Controller wants; the other one waits.
async fn bbs(diego: &Diego) -> Well {
    let held = try_join_all(diego.bbses().map(|(node, bbs)| async move {
        bbs.holds_lock(LIMIT).await.map(|held| (node, bbs, held)).map_err(from(node.name()))
    }))
    .await?;
    let mut holders = held.into_iter().filter(|(.., held)| *held);
    let (Some((node, bbs, _)), None) = (holders.next(), holders.next()) else {
        return Err("not just one BBS holds the lock".into());
    };
    let Some((_, agent)) = diego.servers().next() else { return Err("there is no Consul".into()) };
    let lock = agent.lock(LIMIT).await.map_err(from("the lock"))?.unwrap_or_default();
    check(lock.holder == node.name() && !lock.session.is_empty(), || {
        format!("{} says that it holds the lock, which is {:?}'s", node.name(), lock.holder)
    })?;
    let (there, desires) = tokio::try_join!(bbs.ping(LIMIT), bbs.desires(LIMIT)).map_err(from(node.name()))?;
    let apps = diego.cloud_controller().apps(LIMIT).await.map_err(from(super::CC))?;
    check(there, || format!("{} says that it is not there", node.name()))?;
    let newest: BTreeSet<_> = etcd::written(apps.keys()).into_keys().rev().take(NEWEST).collect();
    let is_new = |guid: &String| etcd::written([guid].into_iter()).keys().any(|id| newest.contains(id));
    let missing = apps.iter().filter(|(guid, count)| desires.get(*guid) != Some(count) && !is_new(guid)).count();
    let extra = desires.keys().filter(|guid| !apps.contains_key(*guid)).count();
    check(missing + extra == 0, || format!("{missing} apps are not desired, {extra} should not be"))
}
