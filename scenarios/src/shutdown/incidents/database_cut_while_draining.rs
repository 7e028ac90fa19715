//! The database is out of reach just while a replica drains.

use reenact::{fault::Partition, incident::*};

use super::super::{
    DB, Service, Setup,
    detectors::EXITED_BUSY,
    faults::Deleted,
    report,
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::database_cut_while_draining",
        story: "The service tracks its tasks and drains them at SIGTERM for up to two seconds. In these seconds it \
                does not reach its database: every try fails, the drain times out, and the service ends in order \
                with its work undone.",
        source: "issue: database cut during the drain",
        setup: hasty(),
        acts: vec![stories::loss(&hasty(), cut_and_deleted(), report::DRAIN_TIMED_OUT, EXITED_BUSY)],
    }
);

fn hasty() -> Setup {
    Setup { drain: secs(2), ..stories::draining() }
}

fn cut_and_deleted() -> Vec<Action<Service>> {
    let mut breaks = vec![stories::work_in_flight(), inject(Partition::between(&[LEAVER], &[DB]))];
    breaks.extend(stories::deleted_at_work(Deleted::of(LEAVER)));
    breaks
}
