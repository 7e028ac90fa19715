//! Twin: a backup freezes the file system, takes its snapshot, and thaws it.

use reenact::{fault::FilesystemFrozen, incident::*};

use super::super::{Blobstore, Setup, VM};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::twin_frozen_for_snapshot",
        story: "A backup freezes the file system for a moment, twice, and thaws it each time, as every consistent \
                snapshot does. The writes wait for it and go on.",
        source: "issue: a disk that is frozen for a snapshot",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            [(), ()]
                .into_iter()
                .flat_map(|()| {
                    let frozen = inject_as("frozen", FilesystemFrozen { node: VM.into() });
                    [frozen, heal("frozen"), heals_itself(secs(10)), quiet(secs(5))]
                })
                .collect(),
            secs(30)
        )],
    }
);
