//! etcd's leader is cut off from the others, and goes on answering reads.

use reenact::{fault::Partition, fingerprint::Fingerprint, incident::*};

use super::super::{
    Diego, Setup,
    detectors::STALE_MEMBER,
    report::{read_by, wrote},
    runbooks::{ReplaceMember, WipeAll},
    stories::{
        members,
        quorum::{read, takes_a_write},
    },
};

const SETUP: Setup = Setup::PLAIN;

/// Who led.
const OLD: &str = "etcd1";
/// One of the majority.
const NEW: &str = "etcd2";

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "majority-writable",
        report: "the majority is writable in 2.2 s",
        shows: |seen| wrote(seen, NEW),
    },
    Fingerprint {
        id: "stale-read",
        report: "the old leader serves stale reads",
        shows: |seen| read_by(seen, OLD).as_deref() == Some("before"),
    },
    Fingerprint {
        id: "fresh-read",
        report: "as the others do not",
        shows: |seen| read_by(seen, NEW).as_deref() == Some("after"),
    },
];

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_leader_isolated",
        story: "etcd's leader, which the BBS asks, is cut off from the two others. They elect one of themselves and \
                take writes again within seconds; the old leader answers reads from its own copy, with what was \
                overwritten since. The BBS reads from the quorum only: it is told nothing stale, it is told errors, \
                and goes on asking the same member because that answers. All is well when the network is.",
        source: "report 003; measured facts (a): leader isolated",
        setup: SETUP,
        acts: vec![Act {
            breaks: vec![
                members::is_led_by(OLD),
                takes_a_write(OLD, "before"),
                inject(Partition::isolate(OLD, &[NEW, "etcd3"])),
                takes_a_write(NEW, "after"),
                read(OLD),
                read(NEW),
            ],
            fingerprints: seen(PRINTS, secs(5)),
            detected: by(STALE_MEMBER, secs(20)),
            control: none("the old leader follows by itself when the network is back"),
            wrong: tried([
                refuses(ReplaceMember { setup: SETUP, node: NEW }).beside_faults(),
                refuses(WipeAll { setup: SETUP, forced: false }).beside_faults(),
            ]),
            ends: by_itself(secs(60)),
        }],
    }
);
