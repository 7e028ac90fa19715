//! Twin of the wedge: the same outage, but simultaneous, so that all nodes remember
//! the same view.

use reenact::{
    fault::{OnTestbed, Partition, PowerOff, PowerOn},
    incident::*,
    poll::Look,
};

use super::super::{Galera, Machines, NODES, node};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::twin_simultaneous_outage",
        story: "All three nodes are cut from each other at once, lose power and come back. They pass through the same \
                log lines as the wedge (`No nodes coming from primary view`, three members and not primary), but each \
                remembers the same last view, and they heal by themselves within seconds.",
        source: "measured facts: a simultaneous three-way cut does not reproduce the wedge",
        setup: Machines::Ordinary,
        acts: vec![Act::benign(
            vec![
                inject(Partition::shatter(&NODES)),
                wait("all are non-primary", secs(30), |run| Box::pin(none_primary(run))),
                inject(PowerOff::of(&NODES)),
                heal_all(),
                inject(PowerOn::of(&NODES)),
            ],
            secs(40)
        )],
    }
);

async fn none_primary(run: &Run<Galera>) -> Look<()> {
    for node in run.system().bed().nodes() {
        let status = node::status(node.ip()).await;
        if node::is_primary(&status) {
            return Look::NotYet(format!("{} is {}", node.name(), node::describe(&status)));
        }
    }
    Look::Ready(())
}
