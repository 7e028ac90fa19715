//! Twin: a machine whose mounts are read-only on purpose.

use reenact::{
    incident::*,
    probe::{Access, Mount, Observation, Signal},
};

use super::super::{Blobstore, Setup};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::twin_read_only_by_design",
        story: "Beside the blobstore stands a machine with a read-only root file system and a volume that it may only \
                read; and every container has a dozen read-only mounts of sysfs, cgroup and proc. A rule that looks \
                for `ro` fires on all of them.",
        source: "measured facts, detectors: a healthy container has 16 ro mounts",
        setup: Setup { read_only_neighbour: true, ..Setup::PLAIN },
        acts: vec![Act::benign(
            vec![quiet(secs(5)), shown("mounts that are read-only by design", by_design)],
            secs(30)
        )],
    }
);

/// Whether a machine was seen whose root and volume are read-only, and declared so.
fn by_design(seen: &[Observation]) -> bool {
    let is = |mount: &Mount| mount.has("ro") && mount.declared == Some(Access::ReadOnly);
    seen.iter().any(|observation| match &observation.signal {
        Signal::Mounts { table } => {
            ["/", "/srv/published"].iter().all(|path| table.iter().any(|mount| mount.path == *path && is(mount)))
        }
        _ => false,
    })
}
