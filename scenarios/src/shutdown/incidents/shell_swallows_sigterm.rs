//! The container's first process is a shell, which passes no signal on.

use reenact::incident::*;

use super::super::{
    Service, Setup,
    detectors::KILLED_BUSY,
    faults::{Deleted, End as Way},
    report,
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::shell_swallows_sigterm",
        story: "The image starts the service with `sh -c`. SIGTERM reaches the shell, which waits for its child and \
                passes nothing on; the service never hears of it, goes on taking requests as long as it is routed \
                to, and is killed when the grace is over.",
        source: "measured facts, other variants: sh -c '/svc; echo x' as PID 1",
        setup: under_a_shell(),
        acts: vec![stories::loss(&under_a_shell(), swallowed(), report::KILLED_UNWARNED, KILLED_BUSY)],
    }
);

fn under_a_shell() -> Setup {
    Setup { command: vec!["sh", "-c", "shutdown-service; echo ended"], ..stories::draining() }
}

fn swallowed() -> Vec<Action<Service>> {
    let deletion = Deleted::of(LEAVER).by(Way::terminated(secs(0), secs(3))).unrouted_after(None);
    let mut breaks = stories::deleted_at_work(deletion);
    breaks.push(stories::ended(Some(137)));
    breaks
}
