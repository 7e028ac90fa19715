//! What the incidents of Diego's state have in common.

use std::time::Duration;

use reenact::{
    Result,
    runbook::Runbook,
    stage::{
        Lab, Stage,
        phase::{Detected, Steady},
    },
    workload::Traffic,
};

use super::{Diego, Setup};

/// How long a steady Diego is watched for false alarms.
pub(super) const QUIET: Duration = Duration::from_secs(3);

/// Some ten writes a second, of which one is an application: see `client`.
const TRAFFIC: Traffic = Traffic { clients: 3, think: (Duration::from_millis(150), Duration::from_millis(300)) };

/// A healthy Diego under load, over which no detector says a word.
pub(super) async fn steady(lab: &Lab, setup: Setup) -> Result<Stage<Diego, Steady>> {
    let diego = Diego::deploy(lab, setup).await?;
    Stage::begin(lab, diego, TRAFFIC).await?.quiet(QUIET).await
}

/// The right runbook heals it, and finds nothing more to do afterwards.
pub(super) async fn healed_by(runbook: &dyn Runbook, broken: Stage<Diego, Detected>, limit: Duration) -> Result<()> {
    broken.recover(runbook, limit).await?.stays_healthy(QUIET).await?.again(runbook).await?.finish().await
}

/// With the fault gone it comes back by itself.
pub(super) async fn comes_back(broken: Stage<Diego, Detected>, limit: Duration) -> Result<()> {
    broken.heal().await?.heals_itself(limit).await?.stays_healthy(QUIET).await?.finish().await
}
