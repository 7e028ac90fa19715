//! The same damage as in the worst case, and the whole one of three starts first.

use reenact::incident::*;

use super::super::{
    Diego,
    detectors::MEMBER_REMOVED,
    runbooks::{RebuildFromSurvivor, ReplaceMember},
    stories::{data, quorum},
};

const SETUP: super::super::Setup = data::LONG_LOG;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_worst_case_intact_first",
        story: "All etcd machines lose their power, and two of their logs come back cut in half. Whoever operates them \
                knows which disks were repaired: the third machine is switched on first, made a cluster of its own, \
                and the two are added to it, empty. Nothing is lost.",
        source: "report 003; measured facts (b): worst case, its other outcome",
        setup: SETUP,
        acts: vec![Act {
            breaks: data::two_logs_cut_in_half(),
            fingerprints: none("every machine is off: nothing says a word"),
            // A member that boots before it is wiped is one that was removed.
            detected: quorum::lost().also(&[MEMBER_REMOVED]),
            control: stays_broken(secs(10)),
            wrong: tried([
                refuses(RebuildFromSurvivor { setup: SETUP, from: None }),
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
            ]),
            ends: healed_by(RebuildFromSurvivor { setup: SETUP, from: Some("etcd3") }, secs(120)),
        }],
    }
);
