//! What a system under test has to offer: its deployment, probes, clients and contents.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact_core::{
    Result,
    judge::Contents,
    poll::Look,
    probe::Probe,
    runbook::Hands,
    workload::{Traffic, Workload},
};
use reenact_testbed::Session;

use super::Lab;
use crate::metrics::Monitored;

/// A system under test, deployed.
#[async_trait]
pub trait System: Sized + Send + Sync + 'static {
    /// How one deployment may differ from another.
    type Setup: Clone + Send + Sync + 'static;

    /// What a person on call can do to it.
    fn hands(&self) -> Box<dyn Hands>;

    /// The probes that watch it, each with its interval.
    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)>;

    /// Who is scraped where a run records metrics: see [`crate::metrics`].
    fn monitored(&self) -> Vec<Monitored> {
        Vec::new()
    }

    /// How many seconds of production one second here stands for.
    fn pace(&self) -> f64 {
        1.0
    }

    /// How its clients behave.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// Starts clients that write to it.
    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload;

    /// What each node holds, read from that node.
    async fn contents(&self) -> Result<Vec<(String, Contents)>>;

    /// The writes that took effect more than once, where that can be told.
    async fn repeated(&self) -> Result<BTreeSet<u64>> {
        Ok(BTreeSet::new())
    }

    /// Whether all that was acknowledged has had its time to take effect.
    async fn settled(&self) -> Look<()> {
        Look::Ready(())
    }

    /// Whether every node serves, asked by real use and not by a status alone.
    async fn healthy(&self) -> Look<()>;
}

/// How a system comes to stand.
#[async_trait]
pub trait Deploy: System {
    /// The images that it needs; they are made before any run's time begins.
    fn images(setup: &Self::Setup) -> Vec<&'static str>;

    /// Deploys it for one run. The testbed goes into the lab's care by [`Lab::adopt`].
    ///
    /// # Errors
    /// What kept it from coming up.
    async fn deploy(session: &Arc<Session>, lab: &Lab, setup: &Self::Setup) -> Result<Self>;
}
