//! A replica is killed with no warning.

use reenact::incident::*;

use super::super::{
    Service,
    detectors::KILLED_BUSY,
    faults::{Deleted, End as Way},
    report,
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::killed_without_warning",
        story: "A node goes, or somebody uses kill -9: the service that drains so well at SIGTERM gets none. What was \
                in memory is gone.",
        source: "measured facts: tracker and SIGKILL",
        setup: stories::draining(),
        acts: vec![killed()],
    }
);

fn killed() -> Act<Service> {
    let setup = stories::draining();
    let breaks = stories::deleted_at_work(Deleted::of(LEAVER).by(Way::Killed));
    let mut act = stories::loss(&setup, breaks, report::KILLED_UNWARNED, KILLED_BUSY);
    act.detected.then.push(stories::is_rate_times_work(setup.work));
    act
}
