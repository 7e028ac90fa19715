//! Twin: a replica with an outbox is scaled in, and the other one works off its rows.

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{App, Setup, recipe};

scenario! {
    Scenario {
        id: "shutdown::twin_outbox_scaled_in",
        story: "The intents are rows; the replica that goes leaves some, and the other one does them.",
        source: "measured facts: outbox",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    recipe::scaled_in_without_loss(&lab, Setup::of(App::Rust("outbox"))).await
}
