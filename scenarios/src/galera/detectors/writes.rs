//! Reads are fine, every status is fine, and no write comes to its end.

use std::time::Duration;

use reenact::detect::{Told, everywhere, hangs, seconds};

use super::node::{ClusterView, Node, nodes};

/// What became of a small write that was tried on a node; it waits for what the server says,
/// such as `Waiting for certification`.
pub const WRITE: &str = "sql:write";

/// Where nobody tries a write, a node counts as one whose writes hang if it has committed
/// nothing for so long under flow control. An applier that gets on commits more often.
const STILL: Duration = Duration::from_secs(3);

/// Every node in a primary component answers, and on each one a write hangs. Where a state
/// transfer is under way, its donor may rightly wait.
pub(super) fn writes_stalled(view: &ClusterView) -> Told {
    let nodes = nodes(view)?;
    let is_told = |node: &Node<'_>| node.record.write.is_asked() || node.status().is_some_and(|s| s.tells_of_flow());
    if !nodes.iter().any(is_told) {
        return Err("no write was ever tried, and no node tells of flow control".into());
    }
    let primary: Vec<_> = nodes.iter().filter(|node| node.is_primary()).collect();
    let lines = everywhere(primary.iter().map(|node| stalled(node)));
    if lines.is_empty() || nodes.iter().any(|node| node.transfer().is_some()) {
        return Ok(Vec::new());
    }
    Ok(lines.into_iter().chain(held_up_by(&primary)).collect())
}

/// How a node's writes hang, if they do.
fn stalled(node: &Node<'_>) -> Option<String> {
    let Node { name, .. } = node;
    let status = node.status()?;
    let state = status.get("wsrep_local_state_comment");
    match node.write() {
        Some(tried) => hangs(tried).map(|how| format!("{name}: SQL answers, Primary, {state}; {how}")),
        None if status.is_throttled() && node.stands_still() >= STILL => {
            let age = seconds(node.stands_still());
            Some(format!("{name}: SQL answers, Primary, {state}; under flow control, nothing committed for {age}"))
        }
        None => None,
    }
}

/// The node for which the others wait: the one that asks for it, or else the one in which most
/// is left to be applied.
fn held_up_by(primary: &[&Node<'_>]) -> Option<String> {
    let of = |node: &&&Node<'_>| node.status().map(|status| (status.throttles(), status.queue()));
    let node = primary.iter().max_by_key(of)?;
    let status = node.status()?;
    let asks = match (status.throttles(), status.queue()) {
        (true, _) => "it asks for flow control",
        (false, 0) => return None,
        (false, _) => "its queue is the longest",
    };
    Some(format!(
        "{} holds the others up: {asks}; wsrep_local_recv_queue {}, wsrep_flow_control_paused {}, {}",
        node.name,
        status.queue(),
        status.get("wsrep_flow_control_paused"),
        status.get("wsrep_local_state_comment")
    ))
}
