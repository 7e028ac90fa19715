//! The shutdown waits for the work, and the grace is shorter than that.

use reenact::{campaign::Scenario, scenario};

use super::super::{
    App,
    detectors::{KILLED_BUSY, LOST_WORK},
    recipe,
};

scenario! {
    Scenario {
        id: "shutdown::grace_too_short",
        story: "The service tracks its tasks and drains them at SIGTERM. A work takes three seconds and the grace is \
                one: SIGKILL comes in the middle of the drain, and the exit code is 137.",
        source: "measured facts, other variants: grace 2 s, work 4 s",
        faults: &["app1 is deleted with 1 s of grace, while its works take 3 s"],
        detector: Some(LOST_WORK),
        also: &[KILLED_BUSY],
        runbooks: &["right: reconcile, and replay what is overdue, each at most once"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(async move { recipe::killed_in_its_drain(&lab, App::Rust("tracker")).await }),
        ..Scenario::INCIDENT
    }
}
