//! Spring told to wait for its tasks, and not for how long.

use reenact::{campaign::Scenario, scenario};

use super::super::{
    App, Setup,
    detectors::{EXITED_BUSY, LOST_WORK},
    recipe::{self, FINGERPRINTS},
};

scenario! {
    Scenario {
        id: "shutdown::spring_wait_without_period_loses_work",
        story: "waitForTasksToCompleteOnShutdown is set, and awaitTerminationSeconds is not: the executor stops taking tasks, waits no second for those that it has, and the JVM ends. The setting that looks like the fix is none.",
        source: "measured facts, the real Spring: waitForTasksToComplete=true with no await period",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        detector: Some(LOST_WORK),
        also: &[EXITED_BUSY],
        runbooks: &[
            "right: reconcile, and replay what is overdue, each at most once",
            "refuses: start a replica; no intent is in a table",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "spring"],
        run: |lab| Box::pin(async move { recipe::scaled_in_and_replayed(&lab, Setup::of(App::Spring("wait_no_await"))).await }),
        ..Scenario::INCIDENT
    }
}
