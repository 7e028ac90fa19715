//! One of Consul's servers has another gossip key.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::GOSSIP_KEY,
    faults::ForeignGossipKey,
    recipe,
    runbooks::{OneGossipKey, SetGossipKey},
};

scenario! {
    Scenario {
        id: "diego::consul_gossip_key",
        story: "A server of Consul's comes back without its keyring and with a new key in its configuration. The \
                others cannot read what it says, and it cannot read them. \"The instances need to get the same key\": \
                to set it in the configuration has no effect, as the keyring is what counts; with the others' keyring \
                it joins again.",
        source: "report 003: the same key, and no enforcement; measured facts (e): gossip key",
        faults: &["consul3 loses its keyring and gets another key"],
        detector: Some(GOSSIP_KEY),
        runbooks: &[
            "right: give it the others' keyring, and restart it",
            "false success: set the others' key in its configuration only",
        ],
        fingerprints: &PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: [Fingerprint; 1] = [Fingerprint {
    id: "cannot decrypt",
    report: "No installed keys could decrypt the message",
    shows: |seen| logged(seen, &["No installed keys could decrypt the message"]),
}];

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    let broken = steady.inject(ForeignGossipKey { node: "consul3" }).await?;
    let broken = broken.fingerprints(&PRINTS, Duration::from_secs(20)).await?;
    let broken = broken.detect(GOSSIP_KEY, Duration::from_secs(30)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.is_deceived(&SetGossipKey { node: "consul3" }, Duration::from_secs(4)).await?;
    recipe::healed_by(&OneGossipKey, broken, Duration::from_secs(90)).await
}
