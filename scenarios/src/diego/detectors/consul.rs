//! Consul's servers: why they have no leader.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use reenact::{
    detect::{Told, seconds},
    probe::Question,
};

use super::{
    super::signals::Consul,
    etcd::majority,
    records::{STREAK, Seen, Server, Streak},
    view::DiegoView,
};

/// Lines that cannot be decrypted come for at least so long where a key is wrong; a few
/// come where one is changed everywhere. Who cannot join tries again each second.
pub const UNDECRYPTABLE: Duration = Duration::from_secs(4);

type AskedServer<'v> = Seen<'v, Server, Consul>;

/// Raft's peers by their addresses; whether they vote.
type Peers = BTreeMap<String, bool>;

/// Why there is no leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too few servers run, or reach each other.
    Away,
    /// Their peers have addresses that nobody has.
    OldPeers,
    /// Too few of those that run vote.
    FewVoters,
    /// So many voters are at addresses of no server that the others, though all were there,
    /// are no majority.
    DeadVoters,
}

/// Agents cannot decrypt what others send. Their logs say so, whether anybody asks them or not.
pub fn gossip_key(view: &DiegoView) -> Told {
    match undecryptable(view) {
        none if none.is_empty() => view.servers().map(|_| none),
        some => Ok(some),
    }
}

fn undecryptable(view: &DiegoView) -> Vec<String> {
    let lines = view.undecryptable().filter_map(|(name, Streak { since, last })| {
        let lasts = last.since(since);
        let goes_on = view.now().since(last) <= STREAK && lasts >= UNDECRYPTABLE;
        goes_on.then(|| format!("{name}: No installed keys could decrypt the message, for {}", seconds(lasts)))
    });
    lines.collect()
}

/// There is no leader, and this is why.
pub fn caused_by(wanted: Cause) -> impl Fn(&DiegoView) -> Told {
    move |view| leaderless(view, wanted)
}

fn leaderless(view: &DiegoView, wanted: Cause) -> Told {
    let servers = view.servers()?;
    if servers.iter().any(|server| server.said.is_ok_and(|consul| consul.has_leader)) {
        return Ok(Vec::new());
    }
    // A machine that stands still, or is too slow for us, hangs alike.
    if all_hang(&servers) && !cannot_elect(&servers) {
        return Err(format!("{}: every server hangs, and none says that it has no leader", Consul::OF));
    }
    if !view.consul_led && view.may_be_set_up() {
        return Err(format!("{}: there never was a leader; it may be being set up", Consul::OF));
    }
    if !undecryptable(view).is_empty() || cause(&servers) != Some(wanted) {
        return Ok(Vec::new());
    }
    let up = servers.iter().filter(|server| server.said.is_ok()).count();
    let mut lines = vec![format!("Consul has no leader; {up} of its {} servers answer", servers.len())];
    if wanted == Cause::DeadVoters {
        lines.extend(dead_voters(&servers).iter().map(|address| dead_voter(address)));
    }
    lines.extend(servers.iter().map(|server| match server.said {
        Ok(consul) if consul.address.is_empty() => format!("{}: Consul has no leader", server.name),
        Ok(consul) => format!("{} is at {}; its peers: {}", server.name, consul.address, peers(&server.record.peers)),
        Err(how) => format!("{}: Consul {how}", server.name),
    }));
    Ok(lines)
}

fn all_hang(servers: &[AskedServer<'_>]) -> bool {
    servers.iter().all(|server| server.said.is_err_and(|how| how.starts_with("hangs")))
}

/// Whether by what was said last all servers together are no quorum, so that none could be
/// elected even if all were well.
fn cannot_elect(servers: &[AskedServer<'_>]) -> bool {
    servers
        .iter()
        .map(|server| server.record)
        .any(|Server { address, peers, .. }| address.as_ref().is_some_and(|own| has_dead_voters(servers, own, peers)))
}

fn peers(peers: &Peers) -> String {
    let peers = peers.iter().map(|(address, votes)| {
        let role = if *votes { "votes" } else { "does not vote" };
        format!("{address} ({role})")
    });
    peers.collect::<Vec<_>>().join(", ")
}

/// `None`: those that are left have a quorum of their own, and will elect.
fn cause(servers: &[AskedServer<'_>]) -> Option<Cause> {
    let up = servers.iter().filter_map(|server| Some((server.said.ok()?.address.as_str(), &server.record.peers)));
    let up: Vec<_> = up.collect();
    let addresses: Vec<_> = up.iter().map(|(address, _)| *address).collect();
    let dead = up.iter().any(|(own, peers)| has_dead_voters(servers, own, peers))
        || (all_hang(servers) && cannot_elect(servers));
    if up.len() < majority(servers.len()) {
        let scaled_down = up.iter().any(|(_, peers)| !peers.is_empty() && reached(&addresses, peers) >= quorum(peers));
        // A server that calls dead voters hangs for seconds, again and again.
        let cause = if dead { Cause::DeadVoters } else { Cause::Away };
        return (!scaled_down).then_some(cause);
    }
    if up.iter().any(|(own, peers)| has_old_peers(&addresses, own, peers)) {
        Some(Cause::OldPeers)
    } else if up.iter().any(|(_, peers)| has_few_voters(&addresses, peers)) {
        Some(Cause::FewVoters)
    } else if dead {
        Some(Cause::DeadVoters)
    } else {
        Some(Cause::Away)
    }
}

/// Whether too few of a server's voters are where any server is, and it is not among its
/// peers itself: it has another address than it had.
fn has_old_peers(up: &[&str], own: &str, peers: &Peers) -> bool {
    !peers.is_empty() && !peers.contains_key(own) && reached(up, peers) < quorum(peers)
}

/// Whether a server is among its own peers, and all servers together, those included of
/// which it is not known where they are, are no quorum of its voters.
fn has_dead_voters(servers: &[AskedServer<'_>], own: &str, peers: &Peers) -> bool {
    let hidden = servers.iter().filter(|server| server.record.address.is_none()).count();
    peers.contains_key(own) && reached(&addresses(servers), peers) + hidden < quorum(peers)
}

/// Where servers are, or were when they last said so.
fn addresses<'v>(servers: &[AskedServer<'v>]) -> Vec<&'v str> {
    servers.iter().filter_map(|server| server.record.address.as_deref()).collect()
}

/// The voters that no server is.
fn dead_voters<'v>(servers: &[AskedServer<'v>]) -> BTreeSet<&'v str> {
    let known = addresses(servers);
    let peers = servers.iter().flat_map(|server| &server.record.peers);
    let dead = peers.filter(|(address, votes)| **votes && !known.contains(&address.as_str()));
    dead.map(|(address, _)| address.as_str()).collect()
}

fn dead_voter(address: &str) -> String {
    let loopback = address.parse().is_ok_and(|at: SocketAddr| at.ip().is_loopback());
    let hint = if loopback { ": a server publishes an address that only itself can reach" } else { "" };
    format!("{address} votes, and no server is there{hint}")
}

/// Whether too few of a server's voters run, and one of its peers runs that does not vote.
fn has_few_voters(up: &[&str], peers: &Peers) -> bool {
    let idle = up.iter().any(|address| peers.get(*address) == Some(&false));
    idle && reached(up, peers) < quorum(peers)
}

/// How many of the voters run.
fn reached(up: &[&str], peers: &Peers) -> usize {
    up.iter().filter(|address| peers.get(**address) == Some(&true)).count()
}

fn quorum(peers: &Peers) -> usize {
    majority(peers.values().filter(|votes| **votes).count())
}
