//! The shutdown waits for the work, and the grace is shorter than that.

use reenact::incident::*;

use super::super::{
    App, Service, Setup,
    detectors::KILLED_BUSY,
    faults::{Deleted, End as Way},
    report,
    stories::{self, LEAVER},
};

const RUST: (&str, App, &str, &str) = (
    "shutdown::grace_too_short",
    App::Rust("tracker"),
    "The service tracks its tasks and drains them at SIGTERM. A work takes three seconds and the grace is one: SIGKILL \
     comes in the middle of the drain, and the exit code is 137.",
    "measured facts, other variants: grace 2 s, work 4 s",
);
const SPRING: (&str, App, &str, &str) = (
    "shutdown::spring_grace_too_short",
    App::Spring("wait_await"),
    "Both of Spring's settings are right. A work takes three seconds and the grace is one: SIGKILL comes while the \
     executor waits, and the exit code is 137.",
    "measured facts, the real Spring: wait + await, grace 5 s, long backlog",
);

fn incident((id, app, story, source): (&'static str, App, &'static str, &'static str)) -> Incident<Service> {
    let setup = Setup { work: secs(3), ..Setup::of(app) };
    let mut breaks = stories::deleted_at_work(Deleted::of(LEAVER).by(Way::terminated(secs(0), secs(1))));
    breaks.push(stories::ended(Some(137)));
    let acts = vec![stories::loss(&setup, breaks, report::KILLED_IN_ITS_DRAIN, KILLED_BUSY)];
    Incident { id, story, source, setup, acts }
}

reenact::incidents!(Service, [RUST, SPRING].map(incident));
