//! Spring waits for its tasks as it should, and the grace is shorter than that.

use reenact::{campaign::Scenario, scenario};

use super::super::{
    App,
    detectors::{KILLED_BUSY, LOST_WORK},
    recipe,
};

scenario! {
    Scenario {
        id: "shutdown::spring_grace_too_short",
        story: "Both of Spring's settings are right. A work takes three seconds and the grace is one: SIGKILL comes while \
                the executor waits, and the exit code is 137.",
        source: "measured facts, the real Spring: wait + await, grace 5 s, long backlog",
        faults: &["app1 is deleted with 1 s of grace, while its works take 3 s"],
        detector: Some(LOST_WORK),
        also: &[KILLED_BUSY],
        runbooks: &["right: reconcile, and replay what is overdue, each at most once"],
        images: &["postgres", "spring"],
        run: |lab| Box::pin(async move { recipe::killed_in_its_drain(&lab, App::Spring("wait_await")).await }),
        ..Scenario::INCIDENT
    }
}
