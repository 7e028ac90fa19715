//! A member's database ends too soon.

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{Setup, detectors::MEMBER_CORRUPT, etcd::Version, faults::What, recipe, stories::data};

const FINGERPRINTS: &[Fingerprint] = &[Fingerprint {
    id: "bus_error",
    report: "SIGBUS, `unexpected fault address`",
    shows: |seen| logged(seen, &["unexpected fault address"]),
}];

scenario! {
    Scenario {
        id: "diego::etcd_member_db_truncated",
        story: "An etcd machine loses its power, and its database is shorter than it says itself. Its etcd, mapping the file into \
                memory, dies of a bus error at each start; the other two serve. (This is etcd 3.3; \
                3.4 and 3.5 die alike. Of 3.5's file, 16 MB long from the first, all that is cut off may be unused.)",
        source: "report 003; measured facts (b): db truncated on 3.3 and 3.4",
        faults: &["etcd3 loses power", "its database is cut off", "it boots"],
        detector: Some(MEMBER_CORRUPT),
        runbooks: &["right: remove it, wipe it alone, add it again"],
        fingerprints: FINGERPRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, Setup { etcd: Version::V3_3, ..Setup::PLAIN }).await?;
    data::is_replaced(data::one_cannot_start(steady, What::DatabaseCut, FINGERPRINTS).await?).await
}
