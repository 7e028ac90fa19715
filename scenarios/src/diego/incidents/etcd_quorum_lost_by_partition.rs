//! No member of etcd sees another.

use reenact::{fault::Partition, incident::*};

use super::super::{
    Diego, ETCDS, Setup,
    report::ALL_CUT_OFF,
    runbooks::{RestartVms, WipeAll},
    stories::quorum,
};

const SETUP: Setup = Setup::PLAIN;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_quorum_lost_by_partition",
        story: "A switch fails, and no member of etcd sees another. Each of them calls itself the leader in \
                /v2/stats/self, answers reads from its own copy and takes no write; the BBS still answers pings, and \
                each of its lists fails. When the network is back so is etcd, and nothing is lost.",
        source: "report 003; measured facts (a): full partition",
        setup: SETUP,
        acts: vec![Act {
            breaks: vec![inject(Partition::shatter(&ETCDS)), quorum::asked_by_hand(&ETCDS)],
            fingerprints: seen(ALL_CUT_OFF, secs(20)),
            detected: quorum::lost(),
            control: none("etcd comes back by itself when the network does"),
            wrong: tried([
                refuses(RestartVms { setup: SETUP, forced: false }).beside_faults(),
                refuses(WipeAll { setup: SETUP, forced: false }).beside_faults(),
            ]),
            ends: by_itself(secs(60)),
        }],
    }
);
