//! A recovery that does the work twice.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    App, Setup,
    detectors::{DUPLICATES, EXITED_BUSY, LOST_WORK},
    recipe,
    runbooks::ReplayBlindly,
};

scenario! {
    Scenario {
        id: "shutdown::blind_replay",
        story: "After the loss somebody replays all that has no flag, twice to be sure, by a statement that does not \
                look whether it is done; and with the lost ones those that the living replica has in hand. Every \
                flag is right afterwards, and effects have happened twice.",
        source: "measured facts, recovery: replay must be idempotent, of the reconciled set",
        faults: &["app1 is deleted under load", "a replay without idempotence"],
        detector: Some(DUPLICATES),
        also: &[LOST_WORK, EXITED_BUSY],
        runbooks: &["harmful: replay all that has no flag now"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::of(App::Rust("spawn"));
    let age_limit = setup.age_limit();
    let steady = recipe::steady(&lab, setup).await?;
    let deletion = recipe::deleted(&steady);
    let (faulted, _) = recipe::delete(steady, deletion).await?;
    let broken = faulted.detect(LOST_WORK, age_limit + Duration::from_secs(12)).await?;
    recipe::losses(&broken).await?;
    broken.force(&ReplayBlindly).await?;
    let found = broken.then_detects(DUPLICATES, Duration::from_secs(20)).await?.harmed().await?;
    match found.repeated.len() {
        0 => Err(Error::failed(format!("the blind replay should have done work twice, but: {found}"))),
        _ => Ok(()),
    }
}
