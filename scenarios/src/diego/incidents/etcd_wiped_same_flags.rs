//! A member comes back with an empty disk, and starts as it did the first time.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::MEMBER_WIPED,
    etcd::Version,
    faults::ToldToFound,
    runbooks::{RebuildFromSurvivor, ReplaceMember, RestartMachine},
    stories::data,
};

const SETUP: Setup = Setup { etcd: Version::V3_5, ..Setup::PLAIN };

const PRINTS: &[Fingerprint] = &[Fingerprint {
    id: "bootstrapped",
    report: "exit 1, `member … has already been bootstrapped`",
    shows: |seen| logged(seen, &["has already been bootstrapped"]),
}];

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_wiped_same_flags",
        story: "An etcd machine gets a new, empty disk and is started with the flags of its first start: a new cluster \
                of all three. The others know it, and tell it that it was bootstrapped already; it ends at each start. \
                (This is etcd 3.5; 3.3 and 3.4 say the same.)",
        source: "report 003; measured facts (c): a wiped member, same flags",
        setup: SETUP,
        acts: vec![Act {
            breaks: [inject(ToldToFound { node: "etcd3".into() })].into_iter().chain(data::wiped("etcd3")).collect(),
            fingerprints: seen(PRINTS, secs(15)),
            detected: by(MEMBER_WIPED, secs(20)),
            control: stays_broken(secs(15)),
            wrong: tried([
                useless(RestartMachine { node: "etcd3" }, secs(15)),
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
                refuses(RebuildFromSurvivor { setup: SETUP, from: None }),
            ]),
            ends: healed_by(ReplaceMember { setup: SETUP, node: "etcd3" }, secs(60)),
        }],
    }
);
