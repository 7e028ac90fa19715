//! The BBSes cannot reach etcd, which is well.

use reenact::{fault::Partition, incident::*};

use super::super::{BBSES, Diego, ETCDS, Setup, detectors::BBS_CUT_OFF, report::PING_LIES, runbooks::RestartBbs};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::bbs_cut_off_from_etcd",
        story: "A switch drops what the BBSes and etcd send each other. etcd is well and nobody is told: the BBS keeps \
                its lock and answers pings, and each of its lists fails. Once they reach each other it serves again by \
                itself. A restart meanwhile only takes the pings away.",
        source: "measured facts, end to end: ping 200, every list fails",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(Partition::between(&BBSES, &ETCDS))],
            fingerprints: seen(&[PING_LIES], secs(20)),
            detected: by(BBS_CUT_OFF, secs(40)),
            control: none("the BBS reads etcd again by itself when the network heals"),
            wrong: tried([useless(RestartBbs, secs(10)).beside_faults()]),
            ends: by_itself(secs(60)),
        }],
    }
);
