//! Twin of everything: a planned restart of all nodes, one after another.

use reenact::incident::*;

use super::super::{Galera, Machines, NODES};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::twin_rolling_restart",
        story: "An operator restarts the nodes one by one, each after the one before serves again, as for an upgrade",
        source: "the issue's list of twins",
        setup: Machines::Ordinary,
        acts: vec![Act::benign(NODES.into_iter().flat_map(restart).collect(), secs(40))],
    }
);

/// A planned restart of a node.
fn restart(node: &'static str) -> [Action<Galera>; 3] {
    [command(node, &["galera-node", "stop"]), command(node, &["galera-node", "start"]), heals_itself(secs(40))]
}
