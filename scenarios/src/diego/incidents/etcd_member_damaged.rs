//! A member's files are damaged while its machine is off, in each of the ways that keep etcd
//! from starting.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::MEMBER_CORRUPT,
    etcd::Version,
    faults::What,
    runbooks::{RebuildFromSurvivor, ReplaceMember, RestartMachine},
    stories::data,
};

struct Variant {
    id: &'static str,
    story: &'static str,
    source: &'static str,
    etcd: Version,
    what: What,
    mark: Fingerprint,
}

const VARIANTS: [Variant; 5] = [
    Variant {
        id: "diego::etcd_member_corrupt",
        story: "An etcd machine loses its power, and one bit of its log flips on the disk. Its etcd ends at each start \
                with a wrong checksum; the other two serve. Restarting it is in vain; taken out, wiped alone and added \
                again it is sent everything.",
        source: "report 003, \"corruption issues due to connectivity or disks\"; measured facts (b): WAL bit flip",
        etcd: Version::V3_4,
        what: What::LogBit,
        mark: Fingerprint {
            id: "crc_mismatch",
            report: "exit 1, `walpb: crc mismatch`",
            shows: |seen| logged(seen, &["walpb: crc mismatch"]),
        },
    },
    Variant {
        id: "diego::etcd_member_db_meta",
        story: "An etcd machine loses its power, and both of its database's meta pages are damaged. Its etcd ends at \
                each start with an invalid database; the other two serve.",
        source: "report 003; measured facts (b): both db meta pages",
        etcd: Version::V3_4,
        what: What::DatabaseMeta,
        mark: Fingerprint {
            id: "invalid_database",
            report: "exit 2, `invalid database`",
            shows: |seen| logged(seen, &["invalid database"]),
        },
    },
    Variant {
        id: "diego::etcd_member_db_removed",
        story: "Somebody removes a member's database file, which looks like a cache, and leaves the snapshots. Its etcd \
                ends at each start because it finds no database for its snapshot; the other two serve.",
        source: "report 003; measured facts (b): db removed, snapshots exist",
        etcd: Version::V3_4,
        what: What::DatabaseAway,
        mark: Fingerprint {
            id: "no_database",
            report: "exit 2, `failed to find database snapshot file`",
            shows: |seen| logged(seen, &["failed to find database snapshot file"]),
        },
    },
    Variant {
        id: "diego::etcd_member_db_truncated",
        story: "An etcd machine loses its power, and its database is shorter than it says itself. Its etcd maps the \
                file into memory and dies of a bus error at each start; the other two serve. (This is etcd 3.3; 3.4 \
                and 3.5 die alike. 3.5's file is 16 MB long from the first: all that is cut off may be unused.)",
        source: "report 003; measured facts (b): db truncated on 3.3 and 3.4",
        etcd: Version::V3_3,
        what: What::DatabaseCut,
        mark: Fingerprint {
            id: "bus_error",
            report: "SIGBUS, `unexpected fault address`",
            shows: |seen| logged(seen, &["unexpected fault address"]),
        },
    },
    Variant {
        id: "diego::etcd_member_wal_emptied",
        story: "An etcd machine loses its power, and its log comes back with a size of zero. Its etcd panics at each \
                start and says nothing of a file; the other two serve.",
        source: "report 003; measured facts (b): WAL emptied",
        etcd: Version::V3_4,
        what: What::LogEmpty,
        mark: Fingerprint {
            id: "none_as_id",
            report: "exit 2, `panic: cannot use none as id`",
            shows: |seen| logged(seen, &["cannot use none as id"]),
        },
    },
];

reenact::incidents!(Diego, VARIANTS.map(damaged));

fn damaged(Variant { id, story, source, etcd, what, mark }: Variant) -> Incident<Diego> {
    let setup = Setup { etcd, ..Setup::PLAIN };
    let first = (what == What::DatabaseAway).then(data::snapshots_are_made);
    Incident {
        id,
        story,
        source,
        setup,
        acts: vec![Act {
            breaks: first.into_iter().chain(data::damaged(&["etcd3"], &what)).collect(),
            fingerprints: seen(&[mark], secs(15)),
            detected: by(MEMBER_CORRUPT, secs(20)),
            control: stays_broken(secs(15)),
            wrong: tried([
                useless(RestartMachine { node: "etcd3" }, secs(15)),
                refuses(ReplaceMember { setup, node: "etcd1" }),
                refuses(RebuildFromSurvivor { setup, from: None }),
            ]),
            ends: healed_by(ReplaceMember { setup, node: "etcd3" }, secs(60)),
        }],
    }
}
