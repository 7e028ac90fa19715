//! The diagnosis of the lowest rank: no server runs, whatever the reason.

use reenact::detect::{Missing, Told};

use super::{
    any_node,
    node::{ClusterView, Node},
};

/// So many runs in a row that nobody ever got an answer from are no accident: the node fails
/// at each start, and what starts it does so in vain.
const IN_VAIN: usize = 2;

/// A machine that is off or up without a server, or with one that fails at each start. Silent where
/// `more_precise` says what is wrong: that names the remedy as well.
pub(super) fn server_down(view: &ClusterView, more_precise: impl Fn(&ClusterView) -> bool) -> Told {
    let down = any_node(view, |_, node| is_down(node))?;
    Ok(if down.is_empty() || more_precise(view) { Vec::new() } else { down })
}

fn is_down(node: &Node<'_>) -> Option<Vec<String>> {
    let Node { name, record, .. } = node;
    let failed = record.log.ends.failed;
    let in_vain = failed >= IN_VAIN && !record.answered && node.transfer().is_none();
    if node.is_off_for_good() {
        return Some(vec![format!("{name}: its machine is off")]);
    }
    let state = if node.lacks_server() {
        "its machine is up, and no server runs"
    } else if in_vain && node.listens() == Some(false) {
        "a server is started once more, and does not listen on 3306 yet"
    } else {
        return None;
    };
    let often = (failed > 0).then(|| format!("{failed} starts in a row came to nothing"));
    let safe = node.saved().filter(|saved| saved.safe_to_bootstrap).map(|saved| {
        format!("grastate.dat has safe_to_bootstrap: 1, seqno {}: it was the last one to leave", saved.seqno)
    });
    let signs = [state.to_owned()].into_iter().chain(often).chain(safe).collect();
    let why = record.log.ends.why().map(str::to_owned);
    Some(Missing { node: (*name).into(), signs, why }.lines().collect())
}
