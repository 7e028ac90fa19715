//! Twin of a lost quorum: a planned restart of all of Consul's servers, one after another.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, runbook::Runbook, scenario, stage::Lab};

use super::super::{CONSULS, Setup, recipe, runbooks::RestartServer};

scenario! {
    Scenario {
        id: "diego::twin_consul_rolling_restart",
        story: "An operator restarts Consul's servers one by one, each after the one before has its vote again, as for \
                an upgrade.",
        source: "report 003, step 1, done with care",
        faults: &["each of Consul's servers in turn is restarted in order"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    for node in CONSULS {
        lab.phase(format!("planned restart of Consul on {node}"));
        RestartServer { node }.run(&stage.operator()).await?;
        stage = stage.heals_itself(Duration::from_secs(40)).await?;
    }
    stage.quiet(recipe::QUIET).await?.finish().await
}
