//! The report's steps in its own order, on an orphan: the wipe comes before the killall.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    detectors::{MEMBER_WIPED, ORPHAN, QUORUM_LOST},
    report::{PORT_TAKEN, TOCOMMIT},
    runbooks::{KillallEtcd, ReplaceMember, WipeThenKillall},
    stories::{
        members,
        orphan::{ORPHANED, orphaned},
    },
};

const SETUP: Setup = Setup::HASTY_FIRST;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_orphan_wiped_first",
        story: "An etcd runs that its supervisor does not know. monit stops nothing, so its data are wiped under it, \
                and it goes on with deleted files. Only then is it killed: the next one starts empty, under an id of \
                which the leader knows what it had, and panics at each start.",
        source: "report 003, steps 2 and 4; measured facts (d): wiping before killall",
        setup: SETUP,
        acts: vec![
            Act {
                breaks: orphaned(),
                fingerprints: seen(&[PORT_TAKEN], secs(40)),
                // While the peers are down nobody has a leader.
                detected: by(ORPHAN, secs(60)).also(&[QUORUM_LOST]),
                control: none("diego::etcd_orphan proves it of the same state"),
                wrong: tried([refuses(WipeThenKillall { node: ORPHANED, forced: false })]),
                ends: goes_on(),
            },
            Act {
                // Who leads would be sent everything: see diego::twin_etcd_wiped_leader.
                breaks: vec![
                    members::is_led_by("etcd2"),
                    call(WipeThenKillall { node: ORPHANED, forced: true }),
                    effect_begins(),
                ],
                fingerprints: seen(&[TOCOMMIT], secs(40)),
                detected: by(MEMBER_WIPED, secs(40)),
                control: stays_broken(secs(15)),
                wrong: tried([refuses(KillallEtcd { setup: SETUP })]),
                ends: healed_by(ReplaceMember { setup: SETUP, node: ORPHANED }, secs(60)),
            },
        ],
    }
);
