//! Twin: monit reloads, and an operator restarts a process.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, VM, recipe};

scenario! {
    Scenario {
        id: "blobstore::twin_monit_reload",
        story: "monit reloads its configuration and the jobs are restarted as planned. For moments it shows processes \
                as not monitored or not there, and PUTs are refused.",
        source: "measured facts, pitfalls: monit drops what arrives while it reloads",
        faults: &["monit reload, twice", "a planned restart of the jobs"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab, Setup::PLAIN).await?;
    for command in [["monit", "reload"], ["monit", "reload"], ["director", "restart"]] {
        stage.operator().must(VM, &command).await?;
    }
    stage.heals_itself(Duration::from_secs(30)).await?.quiet(Duration::from_secs(5)).await?.finish().await
}
