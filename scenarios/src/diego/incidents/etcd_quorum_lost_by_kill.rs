//! Two of etcd's three machines lose power, with each version of etcd.

use reenact::{fault::PowerOff, incident::*};

use super::super::{
    Diego, Setup,
    etcd::Version,
    report::NO_QUORUM,
    runbooks::{BringMembersBack, ReplaceMember, RestartVms, WipeAll},
    stories::quorum,
};

reenact::incidents!(
    Diego,
    [
        lost(
            "diego::etcd_quorum_lost_by_kill",
            "Two of etcd's three machines lose power. The third one answers reads from its own copy and takes no \
             write; the BBS still answers pings, and each of its lists fails. Switched on again the two find their \
             data, and nothing is lost.",
            "report 003; measured facts (a): quorum loss",
            Version::V3_4,
        ),
        lost(
            "diego::etcd_quorum_lost_by_kill_3_3",
            "Two of etcd's three machines lose power, as in etcd_quorum_lost_by_kill, and etcd is of nearly Diego's \
             time. What is told of 3.4 is true of it too.",
            "report 003; measured facts (a): quorum loss; Binaries: etcd 3.3 with the v2 API",
            Version::V3_3,
        ),
        lost(
            "diego::etcd_quorum_lost_by_kill_3_5",
            "Two of etcd's three machines lose power, as in etcd_quorum_lost_by_kill, and etcd is the newest. What is \
             told of 3.4 is true of it too.",
            "report 003; measured facts (a): quorum loss; Binaries: etcd 3.5 with the v2 API",
            Version::V3_5,
        ),
    ]
);

fn lost(id: &'static str, story: &'static str, source: &'static str, etcd: Version) -> Incident<Diego> {
    let setup = Setup { etcd, ..Setup::PLAIN };
    Incident {
        id,
        story,
        source,
        setup,
        acts: vec![Act {
            breaks: vec![inject(PowerOff::of(&["etcd2", "etcd3"])), quorum::asked_by_hand(&["etcd1"])],
            fingerprints: seen(NO_QUORUM, secs(20)),
            detected: quorum::lost(),
            control: stays_broken(secs(20)),
            wrong: tried([
                refuses(ReplaceMember { setup, node: "etcd1" }),
                refuses(RestartVms { setup, forced: false }),
                refuses(WipeAll { setup, forced: false }),
            ]),
            ends: healed_by(BringMembersBack { setup }, secs(60)),
        }],
    }
}
