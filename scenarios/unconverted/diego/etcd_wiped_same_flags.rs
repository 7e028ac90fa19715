//! A member comes back with an empty disk, and starts as it did the first time.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    ETCDS, Setup,
    detectors::MEMBER_WIPED,
    etcd::{self, Version},
    faults::ToldTo,
    recipe,
    runbooks::ReplaceMember,
    stories::data,
};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "bootstrapped",
    report: "exit 1, `member … has already been bootstrapped`",
    shows: |seen| logged(seen, &["has already been bootstrapped"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_wiped_same_flags",
        story: "An etcd machine gets a new, empty disk and is started with the flags of its first start: a new cluster \
                of all three. The others know it, and tell it that it was bootstrapped already; it ends at each start. \
                (This is etcd 3.5; 3.3 and 3.4 say the same.)",
        source: "report 003; measured facts (c): a wiped member, same flags",
        faults: &["etcd3 is told to start a new cluster of all", "it loses power and its disk", "it boots"],
        detector: Some(MEMBER_WIPED),
        runbooks: &["right: remove it, add it again, start it as a member of the existing cluster"],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { etcd: Version::V3_5, ..Setup::PLAIN };
    let mut steady = recipe::steady(&lab, setup).await?;
    let all = ETCDS.map(|name| Ok(format!("{name}=http://{}:{}", steady.system().member(name)?.ip, etcd::PEERS)));
    let all = all.into_iter().collect::<Result<Vec<_>>>()?.join(",");
    steady.strike(ToldTo::start("etcd3", "new", &all)).await?;
    let broken = data::wiped(steady, "etcd3").await?;
    let broken = broken.fingerprints(FINGERPRINTS, Duration::from_secs(15)).await?;
    let broken = broken.detect(MEMBER_WIPED, Duration::from_secs(20)).await?;
    let broken = broken.stays_broken(Duration::from_secs(15)).await?;
    recipe::healed_by(&ReplaceMember { setup, node: "etcd3" }, broken, Duration::from_secs(60)).await
}
