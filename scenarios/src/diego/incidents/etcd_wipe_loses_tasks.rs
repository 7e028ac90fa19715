//! The report's second step, where the data are there: the tasks are lost.

use reenact::{fault::PowerOff, incident::*};

use super::super::{
    Diego, Setup,
    report::NO_QUORUM,
    runbooks::WipeAll,
    stories::{healthy, no_application_is_lost, quorum},
};

const SETUP: Setup = Setup::PLAIN;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_wipe_loses_tasks",
        story: "Two of etcd's three machines lose power, and come back with their data when they are switched on. The \
                report's second step wipes all three instead: etcd is healthy and empty, and within one pass of nsync \
                all applications are desired again, as the Cloud Controller wants them. The tasks were only in etcd, \
                and nobody asks for them again.",
        source: "report 003, step 2; measured facts (b): the recipe's wipe of all; end to end",
        setup: SETUP,
        acts: vec![Act {
            breaks: vec![inject(PowerOff::of(&["etcd2", "etcd3"])), quorum::asked_by_hand(&["etcd1"])],
            fingerprints: seen(NO_QUORUM, secs(20)),
            detected: quorum::lost(),
            control: none("diego::etcd_quorum_lost_by_kill proves it of the same state"),
            wrong: tried([refuses(WipeAll { setup: SETUP, forced: false })]),
            ends: no_application_is_lost(harm(
                [done(WipeAll { setup: SETUP, forced: true }), healthy(secs(60))],
                &[Harm::Lost],
            )),
        }],
    }
);
