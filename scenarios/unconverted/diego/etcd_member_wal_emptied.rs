//! A member's log is there and empty.

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{Setup, detectors::MEMBER_CORRUPT, faults::What, recipe, stories::data};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "none_as_id",
    report: "exit 2, `panic: cannot use none as id`",
    shows: |seen| logged(seen, &["cannot use none as id"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_member_wal_emptied",
        story: "An etcd machine loses its power, and its log comes back with a size of zero. Its etcd panics at each start and \
                says nothing of a file; the other two serve.",
        source: "report 003; measured facts (b): WAL emptied",
        faults: &["etcd3 loses power", "its log is emptied", "it boots"],
        detector: Some(MEMBER_CORRUPT),
        runbooks: &["right: remove it, wipe it alone, add it again"],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup::PLAIN).await?;
    data::is_replaced(data::one_cannot_start(steady, What::LogEmpty, FINGERPRINTS).await?).await
}
