//! Twin of the wedge: the same outage, but simultaneous, so that all nodes remember
//! the same view.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{Partition, PowerOff, PowerOn},
    scenario,
    fault::OnTestbed, stage::Lab,
    testbed::Node,
    wait::Look,
};

use super::super::{NODES, node, recipe};

scenario! {
    Scenario {
        id: "galera::twin_simultaneous_outage",
        story: "All three nodes are cut from each other at once, lose power and come back. They pass through the same \
                log lines as the wedge (`No nodes coming from primary view`, three members and not primary), but each \
                remembers the same last view, and they heal by themselves within seconds.",
        source: "measured facts: a simultaneous three-way cut does not reproduce the wedge",
        faults: &["every node is isolated at once", "all lose power; the network heals; all boot"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab).await?;
    stage.strike(Partition::shatter(&NODES)).await?;
    let nodes = stage.system().bed().nodes();
    stage.wait_for("all to be non-primary", Duration::from_secs(30), || none_primary(nodes)).await?;
    stage.strike(PowerOff::of(&NODES)).await?;
    stage.mend().await?;
    stage.strike(PowerOn::of(&NODES)).await?;
    stage.heals_itself(Duration::from_secs(40)).await?.quiet(Duration::from_secs(3)).await?.finish().await
}

async fn none_primary(nodes: &[Node]) -> Look<()> {
    for node in nodes {
        let status = node::status(node.ip()).await;
        if node::is_primary(&status) {
            return Look::NotYet(format!("{} is {}", node.name(), node::describe(&status)));
        }
    }
    Look::Ready(())
}
