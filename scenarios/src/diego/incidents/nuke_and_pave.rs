//! The report's last step, with a backup of 2016's kind and with one of today's.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    runbooks::Backup,
    stories::backup::{Loss, nuked_and_paved},
};

reenact::incidents!(
    Diego,
    [
        Incident {
            id: "diego::nuke_and_pave",
            story: "Two of etcd's machines lose power. Instead of switching them on again, everything is wiped, \
                    deployed anew, and the nightly backup of the data folder restored. The backup has everything but \
                    at most its newest writes; each task that was acknowledged later is lost, while the applications \
                    come back from the Cloud Controller.",
            source: "report 003, step 5; measured facts: nuke and pave, 19 of 20 keys restored",
            setup: Setup::PLAIN,
            // The newest may not be known as committed to the copy, one per client.
            acts: vec![nuked_and_paved(Backup::Version2, |loss| loss.before <= 3 && is_of_what_came_later(loss))],
        },
        Incident {
            id: "diego::nuke_and_pave_snapshot",
            story: "As with the backup of the data folder, but the nightly job takes version 3's snapshots, which \
                    succeed, restore without an error, and hold none of the version 2 keys that the BBS keeps: every \
                    task is lost, the oldest too.",
            source: "report 003, step 5; measured facts: a v3 snapshot restore loses every v2 key",
            setup: Setup::PLAIN,
            acts: vec![nuked_and_paved(Backup::Version3, |loss| loss.before == loss.of && is_of_what_came_later(loss))],
        },
    ]
);

/// There was enough to lose, what came after the backup is lost, and no application.
fn is_of_what_came_later(loss: &Loss) -> bool {
    loss.of > 10 && loss.after > 10 && loss.apps == 0
}
