//! Two of three logs are damaged: no quorum is left, and none will come back.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::{MEMBER_CORRUPT, MEMBER_REMOVED, QUORUM_LOST},
    faults::What,
    report::logged_on,
    runbooks::{RebuildFromSurvivor, ReplaceMember, RestartMachine},
    stories::data,
};

const SETUP: Setup = Setup::PLAIN;

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "crash_loops",
        report: "crash loops: `walpb: crc mismatch` again and again, on both",
        shows: |seen| logged_on(seen, &["etcd2", "etcd3"], &["walpb: crc mismatch"], 2),
    },
    Fingerprint {
        id: "bbs_fails",
        report: "every list of the BBS fails",
        shows: |seen| logged(seen, &["bbs.request.failed"]),
    },
];

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_two_members_corrupt",
        story: "Two etcd machines lose their power, and each one's log is damaged on the disk. Both crash at each \
                start; the third has no quorum, takes no write, and still shows everything in its own copy. The \
                recipe's wipe of all would lose it. Restarted, the survivor goes dark. Told to be a cluster of its \
                own it serves again at once, and the others are added to it, empty.",
        source: "report 003; measured facts (b): two members corrupt",
        setup: SETUP,
        acts: vec![Act {
            breaks: both_corrupt(),
            fingerprints: seen(PRINTS, secs(40)),
            // With two machines off nobody has a leader, and nothing is known of their data yet.
            detected: by(MEMBER_CORRUPT, secs(60))
                .also(&[QUORUM_LOST, MEMBER_REMOVED])
                .then([data::shows_everything("etcd1")]),
            control: stays_broken(secs(15)),
            wrong: tried([
                refuses(ReplaceMember { setup: SETUP, node: "etcd2" }),
                refuses(RebuildFromSurvivor { setup: SETUP, from: Some("etcd2") }),
                useless(RestartMachine { node: "etcd1" }, secs(15)),
            ]),
            // monit may be at a start of each when the runbook comes to it.
            ends: healed_by(RebuildFromSurvivor { setup: SETUP, from: None }, secs(120)),
        }],
    }
);

fn both_corrupt() -> Vec<Action<Diego>> {
    let mut story = data::rests();
    story.extend(data::damaged(&["etcd2", "etcd3"], &What::LogBit));
    story.push(resume_workload());
    story
}
