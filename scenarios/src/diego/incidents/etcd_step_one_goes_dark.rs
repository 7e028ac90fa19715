//! The report's first step, where members can still be read: nothing can be any more.

use reenact::{fault::Partition, fingerprint::Fingerprint, incident::*};

use super::super::{
    BBSES, Diego, ETCDS, Setup,
    detectors::{CONSUL_QUORUM_LOST, ORPHAN, QUORUM_LOST},
    report::{ALL_CUT_OFF, PORT_TAKEN, logged_on},
    runbooks::{KillallEtcd, RebuildFromSurvivor, RestartVms},
    stories::{logs, quorum},
};

const SETUP: Setup = Setup::HASTY;

/// Restarts of machines, and starts that are given up after 10 s.
const LIMIT: std::time::Duration = secs(60);

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "migration_failed",
        report: "the BBSes ping-pong the lock (`migration-manager.failed`)",
        shows: |seen| logged_on(seen, &BBSES, &["migration-manager.failed"], 1),
    },
    PORT_TAKEN,
];

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_step_one_goes_dark",
        story: "No member of etcd sees another, and each can still be read. The report's first step restarts the VMs of \
                Consul, etcd and the BBS. A member that starts without a quorum takes its clients' connections and \
                answers none, so nothing can be read any more, and the BBSes pass the lock to and fro, for each ends \
                at its migration. Their supervisors give each start up after ten seconds, and with it etcd itself: \
                when the network is back there is a quorum of members that nobody owns. Nothing is lost.",
        source: "report 003, step 1; measured facts (b): the recipe's step 1 makes it worse; (d): orphans; end to end",
        setup: SETUP,
        acts: vec![
            Act {
                breaks: vec![inject_as("cut", Partition::shatter(&ETCDS)), quorum::asked_by_hand(&ETCDS)],
                fingerprints: seen(ALL_CUT_OFF, secs(20)),
                detected: quorum::lost(),
                control: none("diego::etcd_quorum_lost_by_partition shows what comes of it by itself"),
                wrong: tried([refuses(RestartVms { setup: SETUP, forced: false }).beside_faults()]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![
                    done(RestartVms { setup: SETUP, forced: true }),
                    quorum::dark(LIMIT),
                    // With a quorum no migration fails any more.
                    logs(&BBSES, &["migration-manager.failed"], LIMIT),
                    logs(&ETCDS, &[":7001: bind: address already in use"], LIMIT),
                    still_detected(QUORUM_LOST),
                    heal("cut"),
                    effect_begins(),
                ],
                fingerprints: seen(PRINTS, LIMIT),
                // Consul's servers restart all at once, and have no leader for seconds.
                detected: by(ORPHAN, LIMIT).also(&[CONSUL_QUORUM_LOST]),
                control: stays_broken(secs(20)),
                wrong: tried([refuses(RebuildFromSurvivor { setup: SETUP, from: None })]),
                ends: healed_by(KillallEtcd { setup: SETUP }, LIMIT),
            },
        ],
    }
);
