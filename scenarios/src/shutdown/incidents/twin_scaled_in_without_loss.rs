//! Twins of the report: the same signal with as much in flight, and nothing is lost.

use reenact::incident::*;

use super::super::{App, Service, Setup, stories};

const SPRING: (&str, App, &str, &str) = (
    "shutdown::twin_spring_waits_for_its_tasks",
    App::Spring("wait_await"),
    "waitForTasksToCompleteOnShutdown with awaitTerminationSeconds: the report's own fix. The same signal, the same \
     exit code 143, and nothing is lost.",
    "report 002, the fix; measured facts: wait and await 25 s",
);
const TRACKER: (&str, App, &str, &str) = (
    "shutdown::twin_tracker_drains",
    App::Rust("tracker"),
    "The service of the incident with one thing right: it tracks its tasks and waits for them after the requests. \
     Under the same signal it says the same words, with as much in flight, and loses nothing.",
    "measured facts: tracker, five times",
);
const OUTBOX: (&str, App, &str, &str) = (
    "shutdown::twin_outbox_scaled_in",
    App::Rust("outbox"),
    "The intents are rows; the replica that goes leaves some, and the other one does them.",
    "measured facts: outbox",
);

fn incident((id, app, story, source): (&'static str, App, &'static str, &'static str)) -> Incident<Service> {
    let setup = Setup::of(app);
    let acts = vec![stories::scaled_in_without_loss(&setup)];
    Incident { id, story, source, setup, acts }
}

reenact::incidents!(Service, [SPRING, TRACKER, OUTBOX].map(incident));
