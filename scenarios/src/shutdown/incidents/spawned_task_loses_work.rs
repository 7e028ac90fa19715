//! The report's service in Rust: a spawned task that nobody waits for.

use reenact::{campaign::Scenario, scenario};

use super::super::{
    App, Setup,
    detectors::{EXITED_BUSY, LOST_WORK},
    recipe::{self, FINGERPRINTS},
};

scenario! {
    Scenario {
        id: "shutdown::spawned_task_loses_work",
        story: "A request is answered after a task was spawned for its flag. At SIGTERM the server stops to accept, answers what it has, and the runtime goes with every task in it. The exit code is 0.",
        source: "measured facts: spawn",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        detector: Some(LOST_WORK),
        also: &[EXITED_BUSY],
        runbooks: &[
            "right: reconcile, and replay what is overdue, each at most once",
            "refuses: start a replica; no intent is in a table",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(async move { recipe::scaled_in_and_replayed(&lab, Setup::of(App::Rust("spawn"))).await }),
        ..Scenario::INCIDENT
    }
}
