//! A server of Consul's that came back has no vote yet when another one goes.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn},
    scenario,
    stage::Lab,
};

use super::super::{
    Setup,
    detectors::CONSUL_FEW_VOTERS,
    recipe,
    runbooks::{BringServersBack, WritePeersJson},
    stories::consul::peers,
};

scenario! {
    Scenario {
        id: "diego::consul_few_voters",
        story: "A server of Consul's loses power, and Consul takes its vote away. It comes back, and while it has to \
                prove itself another one loses power: two of three servers run, and there is no leader, as one of the \
                two may not vote.",
        source: "measured facts (e): autopilot re-adds a dead server as a non-voter",
        faults: &["consul3 loses power", "consul3 is switched on", "consul2 loses power before consul3 may vote"],
        detector: Some(CONSUL_FEW_VOTERS),
        runbooks: &[
            "right: switch on the machine that has a vote",
            "refuses: write peers.json, while a server with a vote can come back",
        ],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    stage.strike(PowerOff::of(&["consul3"])).await?;
    peers(&stage, "consul1", "Consul to take consul3's vote away", |peers| peers.len() == 2).await?;
    stage.strike(PowerOn::of(&["consul3"])).await?;
    let without_vote = |peers: &[(String, bool)]| peers.iter().any(|(_, votes)| !votes);
    peers(&stage, "consul3", "consul3 to be back, without a vote", without_vote).await?;
    let broken = stage.inject(PowerOff::of(&["consul2"])).await?;
    let broken = broken.detect(CONSUL_FEW_VOTERS, Duration::from_secs(50)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.refuses(&WritePeersJson).await?;
    recipe::healed_by(&BringServersBack, broken, Duration::from_secs(90)).await
}
