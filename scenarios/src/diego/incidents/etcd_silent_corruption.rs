//! A member holds other values than the others, under the same sums of everything else.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    detectors::SILENT_CORRUPTION,
    faults::What,
    report::{HASHES_DIFFER, WRONG_DATA},
    runbooks::{RebuildFromSurvivor, ReplaceMember},
    stories::{data, members},
};

const SETUP: Setup = Setup::PLAIN;

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_silent_corruption",
        story: "Bytes of values change in a member's database while its machine is off. No checksum covers them: it \
                starts, says that it is healthy, and answers with wrong values. Only the sum over all keys tells it \
                from the other two. It must be replaced before it leads.",
        source: "report 003, \"corruption issues\"; measured facts (b): db value bytes flipped",
        setup: SETUP,
        acts: vec![Act {
            breaks: corrupted(),
            fingerprints: seen(&[WRONG_DATA, HASHES_DIFFER], secs(20)),
            detected: by(SILENT_CORRUPTION, secs(20)).then([members::all_say_healthy()]),
            control: stays_broken(secs(10)),
            wrong: tried([
                refuses(ReplaceMember { setup: SETUP, node: "etcd1" }),
                refuses(RebuildFromSurvivor { setup: SETUP, from: None }),
            ]),
            ends: healed_by(ReplaceMember { setup: SETUP, node: "etcd3" }, secs(60)),
        }],
    }
);

fn corrupted() -> Vec<Action<Diego>> {
    let mut story = vec![data::write_words("righteous", "etcd3")];
    story.extend(data::damaged(&["etcd3"], &What::DatabaseWord("righteous".into(), "felonious".into())));
    story.extend([data::reads_a_word("etcd1"), data::reads_a_word("etcd3")]);
    story
}
