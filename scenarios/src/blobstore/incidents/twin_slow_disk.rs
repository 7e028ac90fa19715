//! Twin: a disk that is slow, and works.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::SlowDevice,
    probe::{Answer, Observation, Signal},
    scenario,
    stage::Lab,
};

use super::super::{DISK, Setup, VM, recipe};

scenario! {
    Scenario {
        id: "blobstore::twin_slow_disk",
        story: "The storage is busy: every write to the disk takes 150 ms longer, a synced one most of a second, and \
                then for a while it does not answer within three seconds. It is neither read-only nor broken, and a \
                remount or a check would only add to it.",
        source: "issue: a slow disk",
        faults: &["each write to the device takes 150 ms longer", "then a second longer"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup { slowable: true, ..Setup::PLAIN }).await?;
    for ms in [150, 1000] {
        let by = Duration::from_millis(ms);
        let slow = stage.strike(SlowDevice { node: VM.into(), device: DISK.into(), by }).await?;
        stage = stage.quiet(Duration::from_secs(6)).await?;
        stage.mend_one(slow).await?;
    }
    if !lab.stream().read(hung) {
        return Err(Error::inconclusive("no write ever hung, so this was no look-alike"));
    }
    stage.heals_itself(Duration::from_secs(30)).await?.quiet(recipe::QUIET).await?.finish().await
}

/// Whether the service's write was ever given up on.
fn hung(seen: &[Observation]) -> bool {
    let gave_up = |signal: &Signal| matches!(signal, Signal::Query { of, answer: Answer::Hung { .. } } if of.starts_with("write:"));
    seen.iter().any(|observation| gave_up(&observation.signal))
}
