//! Twin: Spring, told to wait for its tasks and for how long.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{App, Setup, recipe};

scenario! {
    Scenario {
        id: "shutdown::twin_spring_waits_for_its_tasks",
        story: "waitForTasksToCompleteOnShutdown with awaitTerminationSeconds: the report's own fix. The same signal, the same exit code 143, and nothing is lost.",
        source: "report 002, the fix; measured facts: wait and await 25 s",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        images: &["postgres", "spring"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    recipe::scaled_in_without_loss(&lab, Setup::of(App::Spring("wait_await"))).await
}
