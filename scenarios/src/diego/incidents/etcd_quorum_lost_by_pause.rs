//! Two of etcd's three machines stand still.

use reenact::{fault::Pause, incident::*};

use super::super::{
    Diego, Setup,
    report::NO_QUORUM,
    runbooks::{ReplaceMember, RestartVms, WipeAll},
    stories::quorum,
};

const SETUP: Setup = Setup::PLAIN;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_quorum_lost_by_pause",
        story: "Two of etcd's three machines stand still, as while they are moved to another host: their kernels take \
                connections, and nobody answers. The third one can be read and takes no write; the BBS answers pings, \
                and each of its lists fails. When the two go on so does etcd, and nothing is lost.",
        source: "report 003; measured facts (a): pause of two",
        setup: SETUP,
        acts: vec![Act {
            breaks: vec![
                inject(Pause { node: "etcd2".into() }),
                inject(Pause { node: "etcd3".into() }),
                quorum::asked_by_hand(&["etcd1"]),
            ],
            fingerprints: seen(NO_QUORUM, secs(20)),
            detected: quorum::lost(),
            control: none("etcd comes back by itself when the machines go on"),
            wrong: tried([
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }).beside_faults(),
                refuses(RestartVms { setup: SETUP, forced: false }).beside_faults(),
                refuses(WipeAll { setup: SETUP, forced: false }).beside_faults(),
            ]),
            ends: by_itself(secs(60)),
        }],
    }
);
