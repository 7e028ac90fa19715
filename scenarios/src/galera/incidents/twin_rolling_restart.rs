//! Twin of everything: a planned restart of all nodes, one after another.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{NODES, recipe};

scenario! {
    Scenario {
        id: "galera::twin_rolling_restart",
        story: "An operator restarts the nodes one by one, each after the one before serves again, as for an upgrade",
        source: "the issue's list of twins",
        faults: &["each node in turn is stopped in order and started by an operator"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        budget: Duration::from_secs(120),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab).await?;
    for node in NODES {
        lab.phase(format!("planned restart of {node}"));
        let operator = stage.operator();
        operator.must(node, &["galera-node", "stop"]).await?;
        operator.must(node, &["galera-node", "start"]).await?;
        stage = stage.heals_itself(Duration::from_secs(40)).await?;
    }
    stage.quiet(Duration::from_secs(3)).await?.finish().await
}
