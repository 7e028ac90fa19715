//! A follower comes back with an empty disk, and starts under its old id.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::MEMBER_WIPED,
    recipe,
    runbooks::{ReplaceMember, RestartMachine},
    stories::{data, members},
};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "tocommit",
    report: "crash loop, `tocommit(32) is out of range [lastIndex(0)]`",
    shows: |seen| logged(seen, &["tocommit(", "is out of range [lastIndex(0)]"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_wiped_existing",
        story: "An etcd machine that follows gets a new, empty disk, and Diego's script starts it as a member of the \
                existing cluster, which lists it. Its leader believes that it still has what it had acknowledged, and \
                says so; it panics at that word, at each start.",
        source: "report 003; measured facts (c): `existing` without remove and add, a follower; etcd#20269",
        faults: &["an etcd machine that follows loses power and its disk", "it boots"],
        detector: Some(MEMBER_WIPED),
        runbooks: &["right: remove it, add it again", "useless: restart its machine"],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(&lab, setup).await?;
    let (_, node) = members::leader_and_follower(steady.system()).await?;
    let broken = data::wiped(steady, node).await?;
    let broken = broken.fingerprints(FINGERPRINTS, Duration::from_secs(15)).await?;
    let broken = broken.detect(MEMBER_WIPED, Duration::from_secs(20)).await?;
    let broken = broken.does_not_help(&RestartMachine { node }, Duration::from_secs(15)).await?;
    recipe::healed_by(&ReplaceMember { setup, node }, broken, Duration::from_secs(60)).await
}
