//! An etcd runs that its supervisor does not know, and each start of another one fails.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    detectors::{ORPHAN, QUORUM_LOST},
    report::PORT_TAKEN,
    runbooks::{KillallEtcd, RebuildFromSurvivor, WipeThenKillall},
    stories::{
        members,
        orphan::{ORPHANED, orphaned},
    },
};

const SETUP: Setup = Setup::HASTY_FIRST;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_orphan",
        story: "etcd is killed on one machine while its peers are down. Started again it waits for them, and monit \
                kills its start script after ten seconds, and the script alone: nobody has written down its pid. The \
                peers come back and it serves. From now on monit starts another one every few seconds, which dies \
                because the port is taken, for ever, while /health says that all is well.",
        source: "report 003, step 4; measured facts (d): orphan",
        setup: SETUP,
        acts: vec![Act {
            breaks: orphaned(),
            fingerprints: seen(&[PORT_TAKEN], secs(40)),
            // While the peers are down nobody has a leader.
            detected: by(ORPHAN, secs(60)).also(&[QUORUM_LOST]).then([members::all_say_healthy()]),
            control: stays_broken(secs(20)),
            wrong: tried([
                refuses(WipeThenKillall { node: ORPHANED, forced: false }),
                refuses(RebuildFromSurvivor { setup: SETUP, from: None }),
            ]),
            ends: healed_by(KillallEtcd { setup: SETUP }, secs(60)),
        }],
    }
);
