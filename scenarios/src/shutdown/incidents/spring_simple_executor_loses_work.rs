//! Spring with an executor that starts a thread for each task, and knows none of them.

use reenact::{campaign::Scenario, scenario};

use super::super::{
    App, Setup,
    detectors::{EXITED_BUSY, LOST_WORK},
    recipe::{self, FINGERPRINTS},
};

scenario! {
    Scenario {
        id: "shutdown::spring_simple_executor_loses_work",
        story: "The same with SimpleAsyncTaskExecutor, the default before Spring Boot 2.1: a thread for each task, and nobody who could wait for them.",
        source: "measured facts, the real Spring: SimpleAsyncTaskExecutor",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        detector: Some(LOST_WORK),
        also: &[EXITED_BUSY],
        runbooks: &[
            "right: reconcile, and replay what is overdue, each at most once",
            "refuses: start a replica; no intent is in a table",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "spring"],
        run: |lab| Box::pin(async move { recipe::scaled_in_and_replayed(&lab, Setup::of(App::Spring("simple"))).await }),
        ..Scenario::INCIDENT
    }
}
