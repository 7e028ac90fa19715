//! Two of three logs are damaged: no quorum is left, and none will come back.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::{MEMBER_CORRUPT, QUORUM_LOST},
    faults::What,
    recipe,
    runbooks::{RebuildFromSurvivor, ReplaceMember, RestartMachine},
    stories::data,
};

const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "crash_loops",
        report: "crash loops: `walpb: crc mismatch` again and again, on both",
        shows: |seen| {
            ["etcd2", "etcd3"].into_iter().all(|node| {
                let lines = seen.iter().filter(|line| line.node == node && line.is_log_with(&["walpb: crc mismatch"]));
                lines.count() >= 2
            })
        },
    },
    Fingerprint {
        id: "bbs_fails",
        report: "every list of the BBS fails",
        shows: |seen| logged(seen, &["bbs.request.failed"]),
    },
];

scenario! {
    Scenario {
        id: "diego::etcd_two_members_corrupt",
        story: "Two etcd machines lose their power, and each one's log is damaged on the disk. Both crash at each \
                start; the third has no quorum, takes no write, and still shows everything in its own copy. The \
                recipe's wipe of all would lose it. Restarted, the survivor goes dark. Told to be a cluster of its \
                own it serves again at once, and the others are added to it, empty.",
        source: "report 003; measured facts (b): two members corrupt",
        faults: &["etcd2 and etcd3 lose power", "a bit of each one's log flips", "they boot"],
        detector: Some(MEMBER_CORRUPT),
        // With two machines off nobody has a leader, and nothing is known of their data yet.
        also: &[QUORUM_LOST],
        runbooks: &[
            "right: make a cluster of the survivor, add the others to it one by one, empty",
            "refuses: remove and add one of the two, without a quorum",
            "refuses: make a cluster of one that is behind",
            "harmful to its clients: restart the survivor, which goes dark",
        ],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        budget: Duration::from_secs(300),
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(&lab, setup).await?;
    data::rests(&steady).await?;
    let broken = data::damaged(steady, &["etcd2", "etcd3"], What::LogBit).await?;
    broken.workload().resume();
    let broken = broken.fingerprints(FINGERPRINTS, Duration::from_secs(40)).await?;
    let broken = broken.detect(MEMBER_CORRUPT, Duration::from_secs(60)).await?;
    data::shows_everything(&broken, "etcd1").await?;
    let broken = broken.stays_broken(Duration::from_secs(15)).await?;
    let broken = broken.refuses(&ReplaceMember { setup, node: "etcd2" }).await?;
    broken.must_refuse(&RebuildFromSurvivor { setup, from: Some("etcd2") }).await?;
    let broken = broken.does_not_help(&RestartMachine { node: "etcd1" }, Duration::from_secs(15)).await?;
    recipe::healed_by(&RebuildFromSurvivor { setup, from: None }, broken, Duration::from_secs(90)).await
}
