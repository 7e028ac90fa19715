//! Two damaged members start first: a healthy cluster without half of its data.

use reenact::{
    fault::PowerOn,
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego,
    report::logged_on,
    runbooks::{RebuildFromSurvivor, ReplaceMember, RestartMachine},
    stories::{data, healthy, quorum},
};

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "repaired",
        report: "WAL cut in half: `repaired WAL error (unexpected EOF)`",
        shows: |seen| logged_on(seen, &["etcd1", "etcd2"], &["repaired WAL error"], 1),
    },
    Fingerprint {
        id: "publish_error",
        report: "the intact third member: `publish error: etcdserver: request timed out`",
        shows: |seen| logged(seen, &["publish error: etcdserver: request timed out"]),
    },
];

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_worst_case",
        story: "All etcd machines lose their power, and two of their logs come back cut in half, as after a repair of \
                the file system. These two start first, and are a quorum: all is healthy, and half of the tasks are \
                gone. The third one has everything, and never opens its port, because its leader knows less than it \
                has committed. Whoever replaces it as broken destroys the only whole copy.",
        source: "report 003; measured facts (b): worst case",
        setup: data::LONG_LOG,
        acts: vec![
            Act {
                breaks: data::two_logs_cut_in_half(),
                fingerprints: none("every machine is off: nothing says a word"),
                detected: quorum::lost(),
                control: none("the next act switches the machines on"),
                wrong: none("the next act switches the machines on, in the wrong order"),
                ends: goes_on(),
            },
            Act {
                breaks: vec![
                    inject(PowerOn::of(&["etcd1", "etcd2"])),
                    writes(20, secs(60)),
                    inject(PowerOn::of(&["etcd3"])),
                ],
                fingerprints: seen(PRINTS, secs(20)),
                detected: nobody("once two of them lead, nothing that they say of themselves is amiss"),
                control: stays_broken(secs(15)),
                wrong: tried([
                    refuses(RebuildFromSurvivor { setup: data::LONG_LOG, from: Some("etcd3") }),
                    useless(RestartMachine { node: "etcd3" }, secs(15)),
                ]),
                ends: harm(
                    [call(ReplaceMember { setup: data::LONG_LOG, node: "etcd3" }), healthy(secs(60))],
                    &[Harm::Lost],
                ),
            },
        ],
    }
);
