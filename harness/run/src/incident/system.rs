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
use reenact_history::Guarantee;
use reenact_testbed::Session;

use super::Lab;
use crate::metrics::Monitored;

/// What a system promises of its clients' reads.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// The guarantee.
    pub reads: Guarantee,
    /// The detectors whose diagnosis takes it back, such as that of a second cluster: where an incident
    /// names one of these, or a schedule has made one fire, what was misread is told and is no failure.
    pub unless: &'static [&'static str],
}

impl Promise {
    /// Whether one of these diagnoses takes it back.
    pub fn is_taken_back_by<'d>(&self, mut diagnoses: impl Iterator<Item = &'d str>) -> bool {
        diagnoses.any(|diagnosis| self.unless.contains(&diagnosis))
    }
}

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

    /// What everybody on call knows of it, for the page of a drill: what runs where, its ports, its
    /// files, and the tools to ask it with. Nothing of any incident.
    fn layout(&self) -> &'static str {
        ""
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

    /// The same of those nodes that can be asked, where the system is not healthy: a node that is
    /// down, or that says that it does not serve, is left out. What may still take effect, once the
    /// system serves again, counts as held.
    async fn served(&self) -> Vec<(String, Contents)> {
        self.contents().await.unwrap_or_default()
    }

    /// The writes that took effect more than once, where that can be told.
    async fn repeated(&self) -> Result<BTreeSet<u64>> {
        Ok(BTreeSet::new())
    }

    /// What it promises of its clients' reads; `None`: they do not read.
    fn promise(&self) -> Option<Promise> {
        None
    }

    /// The nodes of which a majority decides: whom of these a cut leaves in a minority must serve no stale
    /// reads. None where nothing votes, or where nobody reads.
    fn voters(&self) -> Vec<&str> {
        Vec::new()
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
