//! Spring given an await period, and not told to wait for its tasks.

use reenact::{campaign::Scenario, scenario};

use super::super::{
    App, Setup,
    detectors::{EXITED_BUSY, LOST_WORK},
    recipe::{self, FINGERPRINTS},
};

scenario! {
    Scenario {
        id: "shutdown::spring_await_alone_loses_work",
        story: "awaitTerminationSeconds is set, and waitForTasksToCompleteOnShutdown is not: the executor interrupts its tasks and drops its queue first, and then waits for what it has just ended. The other half of the fix is none either.",
        source: "measured facts, the real Spring: await seconds only",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        detector: Some(LOST_WORK),
        also: &[EXITED_BUSY],
        runbooks: &[
            "right: reconcile, and replay what is overdue, each at most once",
            "refuses: start a replica; no intent is in a table",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "spring"],
        run: |lab| Box::pin(async move { recipe::scaled_in_and_replayed(&lab, Setup::of(App::Spring("await_only"))).await }),
        ..Scenario::INCIDENT
    }
}
