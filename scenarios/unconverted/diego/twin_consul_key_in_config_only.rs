//! Twin of `consul_gossip_key`: a key that is changed where nobody looks.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    runbook::Runbook,
    scenario,
    stage::{Lab, logged},
};

use super::super::{CONSULS, Setup, faults::NewKeyInConfig, recipe, runbooks::RestartServer};

scenario! {
    Scenario {
        id: "diego::twin_consul_key_in_config_only",
        story: "An operator changes the gossip key in a server's configuration and restarts it. It goes on with its \
                keyring, as it says in its log, and all understand each other.",
        source: "measured facts (e): a changed config is ignored (using keyring)",
        faults: &["consul3 gets another key in its configuration, and is restarted"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    stage.strike(NewKeyInConfig { node: CONSULS[2] }).await?;
    RestartServer { node: CONSULS[2] }.run(&stage.operator()).await?;
    let stage = stage.heals_itself(Duration::from_secs(40)).await?.quiet(recipe::QUIET).await?;
    if !lab.stream().read(|seen| logged(seen, &["using keyring"])) {
        return Err(Error::inconclusive("it did not say that it uses its keyring"));
    }
    stage.finish().await
}
