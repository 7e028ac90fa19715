//! Detectors of Galera's failures, over one fold of the observations each.
//!
//! The diagnoses exclude each other: where one is right the others are silent.
//! Figures are measured on MariaDB 10.11 with Galera 26.4 unless stated otherwise.

mod down;
pub(super) mod files;
pub(super) mod log;
mod node;
mod processes;
mod status;
mod words;
mod writes;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use reenact::{
    detect::{Rule, Told, holds},
    detector,
};

use node::{ClusterView, Node, nodes};
pub(crate) use writes::WRITE;

/// All nodes run and see each other, and wait for a primary component for ever.
pub const NON_PRIMARY_WEDGE: &str = "galera/non_primary_wedge";
/// A node lost the quorum while others keep it.
pub const MINORITY_PARTITION: &str = "galera/minority_partition";
/// A member that had served clients hangs.
pub const STALLED_NODE: &str = "galera/stalled_node";
/// A node that had served clients hangs, and its group has evicted it.
pub const EVICTED_NODE: &str = "galera/evicted_node";
/// A node was expelled because its data differ.
pub const INCONSISTENT_NODE: &str = "galera/inconsistent_node";
/// A member listens and never served a client.
pub const ZOMBIE_NODE: &str = "galera/zombie_node";
/// Nobody serves clients, and those that would wait for a primary component.
pub const NO_PRIMARY: &str = "galera/no_primary";
/// Two components serve clients at once.
pub const TWO_PRIMARIES: &str = "galera/two_primaries";

/// A machine is off, or no server runs on it, and no other diagnosis says why.
pub const SERVER_DOWN: &str = "galera/server_down";
/// Every node answers reads, and no write comes to its end.
pub const WRITES_STALLED: &str = "galera/writes_stalled";

/// A set of nodes that can be promoted is promoted within a second of its last
/// member's arrival (in the log both views carry the same second). Restored views
/// that differ in their number only may still be promoted, and files and logs are
/// read up to 0.25 s apart.
const WEDGE_HOLD: Duration = Duration::from_secs(2);

/// The sides of a cut install their views 5.0 to 6.6 s after it, so for up to
/// 1.6 s one side can look lost to the other.
const MINORITY_HOLD: Duration = Duration::from_secs(2);

/// A pause of 3 s passes without eviction and needs nobody's help; eviction comes
/// at 5 s (evs.suspect_timeout). The first hang is reported 1 s after it began, so
/// this fires 3 to 3.5 s into the stall.
const STALL_HOLD: Duration = Duration::from_secs(2);

/// A machine that is paused, as for its migration, is evicted after 5 s and comes back by itself; thawed after 12 s a
/// node is a member again 2 to 8 s later.
const EVICTED_HOLD: Duration = Duration::from_secs(15);

/// While it shuts down a healthy node, too, is disconnected from its group for a
/// moment; a whole clean restart takes 2.1 to 4.3 s.
const INCONSISTENT_HOLD: Duration = Duration::from_secs(2);

/// Longer than a whole clean restart (2.1 to 4.3 s). A healthy node listens for
/// less than a second before it answers; a paused one, seen only since then, is no
/// longer counted after 5 s.
const ZOMBIE_HOLD: Duration = Duration::from_secs(5);

/// Nodes that lost each other for a while meet again and are primary within 2 to 6 s of
/// the cut's end; the last one of an orderly shutdown says so for 1.3 s.
const NO_PRIMARY_HOLD: Duration = Duration::from_secs(8);

/// Views are installed 5.0 to 6.6 s after a cut, so nodes may disagree for 1.6 s. An
/// outdated view of a node that fell behind still lists the others and is no case
/// at all; the hold covers what several changes in a row can look like.
const TWO_PRIMARIES_HOLD: Duration = Duration::from_secs(2);

/// Longer than any start's beginning: a supervisor waits for some seconds before it starts a
/// server again (systemd's `RestartSec` is 5 s in MariaDB's unit), a restart by hand leaves
/// 0.1 to 2 s without a server, and the recovery of a position counts as a start.
const DOWN_HOLD: Duration = Duration::from_secs(15);

/// Writes stall for 5.0 to 6.6 s while a dead node is evicted, and for 3.7 s at a bridge
/// partition. A slow applier that gets on lets a write through every few seconds.
const STALLED_WRITES_HOLD: Duration = Duration::from_secs(10);

detector! {
    NON_PRIMARY_WEDGE,
    "All nodes run and see each other, but the views that they restored diverge: no primary component, for ever.",
    Rule::lasting(WEDGE_HOLD, non_primary_wedge),
}

detector! {
    MINORITY_PARTITION,
    "A node is cut off from the primary component, which goes on without it.",
    Rule::lasting(MINORITY_HOLD, minority_partition),
}

detector! {
    STALLED_NODE,
    "A node that had served clients accepts them and hangs, and the group still counts on it.",
    Rule::lasting(STALL_HOLD, stalled_node),
}

detector! {
    EVICTED_NODE,
    "A node that had served clients accepts them and hangs, and the group goes on without it.",
    Rule::lasting(EVICTED_HOLD, evicted_node),
}

detector! {
    INCONSISTENT_NODE,
    "A node left its group because its data differ, and its server stays up.",
    Rule::lasting(INCONSISTENT_HOLD, inconsistent_node),
}

detector! {
    ZOMBIE_NODE,
    "A node counts as a member and listens, but has never answered a client since it started.",
    Rule::lasting(ZOMBIE_HOLD, zombie_node),
}

detector! {
    NO_PRIMARY,
    "Nodes answer SQL without a primary component, and no other node is in one.",
    Rule::lasting(NO_PRIMARY_HOLD, no_primary),
}

detector! {
    TWO_PRIMARIES,
    "Two components that exclude each other both accept writes.",
    Rule::lasting(TWO_PRIMARIES_HOLD, two_primaries),
}

detector! {
    WRITES_STALLED,
    "Every node of the primary component answers, and on each of them writes hang.",
    // Not in pieces: flow control that comes and goes is how Galera lets a slow node keep up.
    Rule::new(STALLED_WRITES_HOLD, writes::writes_stalled),
}

detector! {
    SERVER_DOWN,
    "A machine is off, no server runs on it, or it fails at each start; no other diagnosis says why.",
    Rule::lasting(DOWN_HOLD, |view: &ClusterView| down::server_down(view, is_told_precisely)),
}

/// Whether a diagnosis that is more than the lack of a server holds at this moment.
fn is_told_precisely(view: &ClusterView) -> bool {
    let precise: [fn(&ClusterView) -> Told; 9] = [
        non_primary_wedge,
        minority_partition,
        stalled_node,
        evicted_node,
        inconsistent_node,
        zombie_node,
        no_primary,
        two_primaries,
        writes::writes_stalled,
    ];
    precise.iter().any(|case| holds(case(view)))
}

/// Collects what `case` says of each node against all of them.
fn any_node(view: &ClusterView, case: impl Fn(&[Node<'_>], &Node<'_>) -> Option<Vec<String>>) -> Told {
    let nodes = nodes(view)?;
    Ok(nodes.iter().filter_map(|node| case(&nodes, node)).flatten().collect())
}

/// The other nodes that serve clients in a primary component.
fn primary_peers<'n, 'v>(nodes: &'n [Node<'v>], of: &'n Node<'v>) -> impl Iterator<Item = &'n Node<'v>> {
    nodes.iter().filter(|peer| peer.name != of.name && peer.is_primary())
}

/// The telling log line alone is not enough: it is written as soon as one member
/// restored another view, while others are still to come.
///
/// Nodes of which nothing is known neither support nor contradict: in the report
/// one node's log and ports were all that anybody had.
fn non_primary_wedge(view: &ClusterView) -> Told {
    let nodes = nodes(view)?;
    let contradicts =
        |node: &Node<'_>| node.runs() == Some(false) || node.listens() == Some(true) || node.transfer().is_some();
    // A node that is still missing may be the one whose coming saves them.
    let all = nodes.iter().map(Node::group).chain([nodes.len()]).max().unwrap_or_default();
    let complete = |node: &Node<'_>| node.record.log.component.as_ref().map(|it| !it.primary && it.members >= all);
    let waits =
        |node: &&Node<'_>| complete(node) == Some(true) && node.runs() == Some(true) && node.listens() == Some(false);
    let contradicted = nodes.iter().any(|node| contradicts(node) || complete(node) == Some(false));
    let mut evidence: Vec<_> = nodes.iter().filter(waits).flat_map(waits_in_vain).collect();
    let divergence = divergence(&nodes);
    if contradicted || evidence.is_empty() || divergence.is_empty() {
        return Ok(Vec::new());
    }
    evidence.extend(divergence);
    Ok(evidence)
}

fn waits_in_vain(node: &Node<'_>) -> Option<String> {
    let component = node.record.log.component.as_ref()?;
    let view = component.view.as_deref().unwrap_or("unnamed");
    Some(format!("{}: server runs, 3306 closed; non-primary view ({view}) of {}", node.name, component.members))
}

/// The lines that show that the nodes restored different views, if they did.
fn divergence(nodes: &[Node<'_>]) -> Vec<String> {
    let line = |node: &Node<'_>| Some(format!("{}: log: {}", node.name, node.record.log.diverged.as_deref()?));
    let restored: Vec<_> = nodes.iter().filter_map(|node| Some((node.name, node.restored()?))).collect();
    let differ = restored.windows(2).any(|pair| pair[0].1.id != pair[1].1.id);
    let on_disk = restored.iter().filter(|_| differ).map(|(name, view)| {
        format!("{name}: gvwstate.dat has view ({}) of {}", view.id.replace(' ', ","), view.members)
    });
    nodes.iter().filter_map(line).chain(on_disk).collect()
}

fn minority_partition(view: &ClusterView) -> Told {
    any_node(view, |nodes, node| {
        let status = node.status().filter(|status| status.is_non_primary())?;
        let peer = primary_peers(nodes, node).find(|peer| !peer.counts(node, nodes))?;
        let lost = format!("{}: SQL answers, non-Primary, size {}", node.name, status.size());
        Some(vec![lost, member_line(peer, "without", node)])
    })
}

fn stalled_node(view: &ClusterView) -> Told {
    hanging(view, true, "with")
}

fn evicted_node(view: &ClusterView) -> Told {
    hanging(view, true, "without")
}

fn zombie_node(view: &ClusterView) -> Told {
    hanging(view, false, "with")
}

/// A node that accepts clients and hangs, while a primary component counts on it, or goes on without it.
fn hanging(view: &ClusterView, had_answered: bool, with: &str) -> Told {
    any_node(view, |nodes, node| {
        let during = node.hangs().filter(|_| node.record.answered == had_answered)?;
        let peer = primary_peers(nodes, node).find(|peer| peer.counts(node, nodes) == (with == "with"))?;
        let history = if had_answered { "it had answered before" } else { "it never answered since it listens" };
        let paused = if node.is_paused() { "; its machine is paused" } else { "" };
        let port = if during == "connect" { "3306 accepts nobody any more" } else { "3306 accepts" };
        let hang = format!("{}: {port}, SQL hangs in the {during}; {history}{paused}", node.name);
        Some(vec![hang, member_line(peer, with, node)])
    })
}

fn inconsistent_node(view: &ClusterView) -> Told {
    any_node(view, |nodes, node| {
        let logged = node.record.log.inconsistency.as_ref().map(|line| format!("{}: log: {line}", node.name));
        let mut evidence = match node.status() {
            // Who shuts down says so for a moment too, and closes its port before anything else is seen.
            Some(status) if status.is_expelled() && node.listens() != Some(false) => vec![format!(
                "{}: cluster status {}, state {}",
                node.name,
                status.get("wsrep_cluster_status"),
                status.get("wsrep_local_state_comment")
            )],
            // It answers for itself, so what its log said before does not count.
            Some(_) => return None,
            None if logged.is_some() && node.runs() == Some(true) => Vec::new(),
            None => return None,
        };
        // Where no other node is known, its own word is all there is.
        let peer = primary_peers(nodes, node).find(|peer| !peer.counts(node, nodes));
        if peer.is_none() && nodes.len() > 1 {
            return None;
        }
        evidence.extend(peer.map(|peer| member_line(peer, "without", node)).into_iter().chain(logged));
        Some(evidence)
    })
}

/// Whoever does not answer may be frozen or off: it serves nobody either.
fn no_primary(view: &ClusterView) -> Told {
    any_node(view, |nodes, node| {
        let status = node.status().filter(|status| status.is_non_primary())?;
        let waits = format!("{}: SQL answers, non-Primary, size {}; no node is primary", node.name, status.size());
        (!nodes.iter().any(Node::is_primary)).then(|| vec![waits])
    })
}

fn two_primaries(view: &ClusterView) -> Told {
    any_node(view, |nodes, node| {
        let uuid = |node: &Node<'_>| node.status().map(|status| status.get("wsrep_cluster_state_uuid").to_owned());
        let apart = |other: &&Node<'_>| uuid(other) != uuid(node) || node.excludes(other, nodes);
        let other = primary_peers(nodes, node).filter(|_| node.is_primary()).find(apart)?;
        Some(vec![member_line(node, "without", other)])
    })
}

/// What a node in a primary component says of it, and of another node's place.
fn member_line(member: &Node<'_>, how: &str, other: &Node<'_>) -> String {
    let get = |name| member.status().map_or("", |status| status.get(name));
    format!(
        "{}: Primary, size {}, view {} of {}, members {}: {how} {}",
        member.name,
        get("wsrep_cluster_size"),
        get("wsrep_cluster_conf_id"),
        get("wsrep_cluster_state_uuid"),
        get("wsrep_incoming_addresses"),
        other.name
    )
}
