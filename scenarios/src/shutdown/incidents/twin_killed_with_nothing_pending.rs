//! Twin: exit code 137, and nothing was pending.

use reenact::incident::*;

use super::super::{
    Service,
    faults::{Deleted, End as Way},
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::twin_killed_with_nothing_pending",
        story: "A replica is killed at a quiet moment: exit code 137, and no work of it was in flight. The code alone \
                proves no loss.",
        source: "issue, twins: a 137 with nothing pending",
        setup: stories::plain(),
        acts: vec![Act::benign(
            vec![
                stories::nothing_in_flight(),
                inject(Deleted::of(LEAVER).by(Way::Killed)),
                resume_workload(),
                stories::ended(Some(137)),
                quiet(secs(5)),
            ],
            secs(20)
        )],
    }
);
