//! Twin: a planned reboot of the VM.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use reenact::fault::{PowerOn, ShutDown};

use super::super::{Setup, VM, recipe};

scenario! {
    Scenario {
        id: "blobstore::twin_reboot",
        story: "The VM is shut down in order and boots again: the disk is unmounted, mounted, its journal replayed, \
                and monit begins with no process at all.",
        source: "the report's fourth symptom, done in order",
        faults: &["a shutdown with 10 s of grace", "the VM boots"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    stage.strike(ShutDown { nodes: vec![VM.into()], grace_s: 10 }).await?;
    stage.strike(PowerOn::of(&[VM])).await?;
    stage.heals_itself(Duration::from_secs(30)).await?.quiet(Duration::from_secs(5)).await?.finish().await
}
