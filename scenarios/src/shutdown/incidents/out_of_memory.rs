//! A replica is killed by the kernel, for want of memory.

use reenact::incident::*;

use super::super::{
    Service, Setup,
    detectors::OOM_KILLED_BUSY,
    faults::{Deleted, End as Way},
    report,
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::out_of_memory",
        story: "One request asks for a report of four gigabytes, and the container has a quarter of one. The kernel \
                ends the service with exit code 137, as a grace that was overrun does; a longer grace would not help.",
        source: "measured facts, false positives: a 137 by OOM; the kernel's memory controller",
        setup: small(),
        // The service stalls while its memory goes, so no rate foretells the loss.
        acts: vec![exhausted()],
    }
);

fn small() -> Setup {
    Setup { memory: Some(256), ..stories::draining() }
}

fn exhausted() -> Act<Service> {
    let deletion = Deleted::of(LEAVER).by(Way::OutOfMemory).unrouted_after(None);
    let breaks = stories::deleted_at_work(deletion);
    let mut act = stories::loss(&small(), breaks, report::OUT_OF_MEMORY, OOM_KILLED_BUSY);
    act.detected.then.insert(0, detected(OOM_KILLED_BUSY, stories::noticed(&small())));
    act
}
