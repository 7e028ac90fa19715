//! The report's last step, with a backup of today's kind.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{detectors::QUORUM_LOST, runbooks::Backup, stories::backup};

scenario! {
    Scenario {
        id: "diego::nuke_and_pave_snapshot",
        story: "As with the backup of the data folder, but the nightly job takes version 3's snapshots, which succeed, \
                restore without an error, and hold none of the version 2 keys that the BBS keeps: every task is lost, \
                the oldest too.",
        source: "report 003, step 5; measured facts: a v3 snapshot restore loses every v2 key",
        faults: &["a snapshot is taken", "30 writes later etcd2 and etcd3 lose power"],
        detector: Some(QUORUM_LOST),
        runbooks: &["refuses: wipe and restore, while members can be read", "harmful: the same, forced"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let loss = backup::nuked_and_paved(&lab, Backup::Version3).await?;
    backup::must(loss.before == loss.of && loss.of > 10 && loss.after > 10 && loss.apps == 0, &loss)
}
