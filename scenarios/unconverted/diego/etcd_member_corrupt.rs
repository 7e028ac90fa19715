//! A bit of a member's log flips while its machine is off.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::MEMBER_CORRUPT,
    faults::What,
    recipe,
    runbooks::{RebuildFromSurvivor, ReplaceMember, RestartMachine},
    stories::data,
};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "crc_mismatch",
    report: "exit 1, `walpb: crc mismatch`",
    shows: |seen| logged(seen, &["walpb: crc mismatch"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_member_corrupt",
        story: "An etcd machine loses its power, and one bit of its log flips on the disk. Its etcd ends at each start \
                with a wrong checksum; the other two serve. Restarting it is in vain; taken out, wiped alone and added \
                again it is sent everything.",
        source: "report 003, \"corruption issues due to connectivity or disks\"; measured facts (b): WAL bit flip",
        faults: &["etcd3 loses power", "one bit of its log flips", "it boots"],
        detector: Some(MEMBER_CORRUPT),
        runbooks: &[
            "right: remove it, wipe it alone, add it again",
            "useless: restart its machine",
            "refuses: replace one of the two that serve",
            "refuses: --force-new-cluster, beside a quorum",
        ],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(&lab, setup).await?;
    let broken = data::one_cannot_start(steady, What::LogBit, FINGERPRINTS).await?;
    let broken = broken.does_not_help(&RestartMachine { node: "etcd3" }, Duration::from_secs(15)).await?;
    let broken = broken.refuses(&ReplaceMember { setup, node: "etcd1" }).await?;
    let broken = broken.refuses(&RebuildFromSurvivor { setup, from: None }).await?;
    data::is_replaced(broken).await
}
