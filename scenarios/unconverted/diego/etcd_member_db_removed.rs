//! A member's database is away, and its snapshots are there.

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{Setup, detectors::MEMBER_CORRUPT, faults::What, stories::data};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "no_database",
    report: "exit 2, `failed to find database snapshot file`",
    shows: |seen| logged(seen, &["failed to find database snapshot file"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_member_db_removed",
        story: "Somebody removes a member's database file, which looks like a cache, and leaves the snapshots. Its etcd ends at \
                each start as it finds no database for its snapshot; the other two serve.",
        source: "report 003; measured facts (b): db removed, snapshots exist",
        faults: &["etcd3 loses power", "its database is removed", "it boots"],
        detector: Some(MEMBER_CORRUPT),
        runbooks: &["right: remove it, wipe it alone, add it again"],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = data::with_snapshots(&lab, Setup::PLAIN).await?;
    data::is_replaced(data::one_cannot_start(steady, What::DatabaseAway, FINGERPRINTS).await?).await
}
