//! Twin: a planned restart of etcd's machines, one after another.

use reenact::{
    fault::{PowerOn, ShutDown},
    incident::*,
};

use super::super::{Diego, ETCDS, Setup};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_etcd_rolling_restart",
        story: "An operator restarts etcd's machines one by one, as for an upgrade: the next one when all three members \
                have a leader again.",
        source: "the list of twins; measured facts: Met today, too fast a rolling restart",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(ETCDS.into_iter().flat_map(restart).collect(), secs(60))],
    }
);

fn restart(node: &'static str) -> [Action<Diego>; 3] {
    [inject(ShutDown { nodes: vec![node.into()], grace_s: 30 }), inject(PowerOn::of(&[node])), heals_itself(secs(60))]
}
