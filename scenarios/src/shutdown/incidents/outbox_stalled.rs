//! A transactional outbox whose only replica is killed: nothing is lost, and nothing goes
//! on.

use reenact::incident::*;

use super::super::{
    App, Service, Setup,
    detectors::OUTBOX_STALLED,
    faults::{Deleted, End as Way},
    report,
    runbooks::{ReplayReconciled, StartReplica},
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::outbox_stalled",
        story: "The intent is a row of the request's own transaction, and a worker does the work and marks the row in \
                one. The only replica is killed: requests stay without their effect for as long as none runs, which \
                looks like the loss. A replay is not needed, and would race with the workers; a start is enough.",
        source: "measured facts: outbox and SIGKILL, recovered by a restart in 6.7 to 7.1 s",
        setup: one_replica(),
        acts: vec![killed()],
    }
);

fn one_replica() -> Setup {
    Setup { replicas: 1, ..Setup::of(App::Rust("outbox")) }
}

fn killed() -> Act<Service> {
    let (setup, deletion) = (one_replica(), Deleted::of(LEAVER).by(Way::Killed));
    Act {
        breaks: stories::deleted_at_work(deletion),
        fingerprints: seen(report::KILLED_UNWARNED, stories::noticed(&setup)),
        detected: by(OUTBOX_STALLED, stories::noticed(&setup)).then([stories::losses_counted()]),
        control: stays_broken(stories::CONTROL),
        wrong: tried([refuses(ReplayReconciled { age_limit: setup.age_limit() })]),
        ends: healed_by(StartReplica(LEAVER), stories::HEALED),
    }
}
