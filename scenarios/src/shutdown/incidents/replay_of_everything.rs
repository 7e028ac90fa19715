//! A recovery that does all of it again.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    App, Setup,
    detectors::{DUPLICATES, EXITED_BUSY, LOST_WORK},
    recipe,
    runbooks::ReplayEverything,
};

scenario! {
    Scenario {
        id: "shutdown::replay_of_everything",
        story: "After the loss somebody replays every request there is, to be on the safe side: whatever was done is \
                done once more.",
        source: "issue, wrong runbooks: replay of everything",
        faults: &["app1 is deleted under load", "a replay of every request"],
        detector: Some(DUPLICATES),
        also: &[LOST_WORK, EXITED_BUSY],
        runbooks: &["harmful: replay every request"],
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
    let lost = recipe::losses(&broken).await?;
    broken.force(&ReplayEverything).await?;
    let found = broken.then_detects(DUPLICATES, Duration::from_secs(20)).await?.harmed().await?;
    match found.repeated.len() > lost {
        true => Ok(()),
        false => Err(Error::failed(format!("far more than the {lost} lost ones should be done twice, but: {found}"))),
    }
}
