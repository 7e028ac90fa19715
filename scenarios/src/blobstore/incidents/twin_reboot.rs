//! Twin: a planned reboot of the VM.

use reenact::{
    fault::{PowerOn, ShutDown},
    incident::*,
};

use super::super::{Blobstore, Setup, VM};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::twin_reboot",
        story: "The VM is shut down in order and boots again: the disk is unmounted, mounted, its journal replayed, \
                and monit begins with no process at all.",
        source: "the report's fourth symptom, done in order",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                inject(ShutDown { nodes: vec![VM.into()], grace_s: 10 }),
                inject(PowerOn::of(&[VM])),
                heals_itself(secs(30)),
                quiet(secs(5)),
            ],
            secs(30)
        )],
    }
);
