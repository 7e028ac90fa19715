//! Twin: the same signal, and a service that waits for its tasks.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{App, Setup, recipe};

scenario! {
    Scenario {
        id: "shutdown::twin_tracker_drains",
        story: "The service of the incident with one thing right: it tracks its tasks and waits for them after the requests. Under the same signal it says the same words, with as much in flight, and loses nothing.",
        source: "measured facts: tracker, five times",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    recipe::scaled_in_without_loss(&lab, Setup::of(App::Rust("tracker"))).await
}
