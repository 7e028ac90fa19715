//! A member's database has lost its first pages.

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{Setup, detectors::MEMBER_CORRUPT, faults::What, recipe, stories::data};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "invalid_database",
    report: "exit 2, `invalid database`",
    shows: |seen| logged(seen, &["invalid database"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_member_db_meta",
        story: "An etcd machine loses its power, and both of its database's meta pages are damaged. Its etcd ends at each start \
                with an invalid database; the other two serve.",
        source: "report 003; measured facts (b): both db meta pages",
        faults: &["etcd3 loses power", "its database's first two pages are damaged", "it boots"],
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
    data::is_replaced(data::one_cannot_start(steady, What::DatabaseMeta, FINGERPRINTS).await?).await
}
