//! The report's last step, with a backup of 2016's kind.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{detectors::QUORUM_LOST, runbooks::Backup, stories::backup};

scenario! {
    Scenario {
        id: "diego::nuke_and_pave",
        story: "Two of etcd's machines lose power. Instead of switching them on again, everything is wiped, deployed \
                anew, and the nightly backup of the data folder restored. The backup has everything but at most its \
                newest writes; each task that was acknowledged later is lost, while the applications come back from \
                the Cloud Controller.",
        source: "report 003, step 5; measured facts: nuke and pave, 19 of 20 keys restored",
        faults: &["a backup is taken", "30 writes later etcd2 and etcd3 lose power"],
        detector: Some(QUORUM_LOST),
        runbooks: &["refuses: wipe and restore, while members can be read", "harmful: the same, forced"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let loss = backup::nuked_and_paved(&lab, Backup::Version2).await?;
    // The newest may not be known as committed to the copy, one per client.
    backup::must(loss.before <= 3 && loss.of > 10 && loss.after > 10 && loss.apps == 0, &loss)
}
