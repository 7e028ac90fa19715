//! The steady phase, and twins, which never leave it.

use std::{marker::PhantomData, time::Duration};

use super::{
    Run, Stage, System,
    phase::{Faulted, Steady},
};
use crate::stage::Lab;
use reenact_core::{
    Error, Result,
    probe::Watch,
    wait::{self, Look},
    workload::Traffic,
};
use reenact_testbed::fault::Fault;

/// How long a testbed may take to serve, on a loaded machine. Typically it takes
/// some three seconds.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long the workload's first write may take where every node serves: a cold JVM on a
/// loaded machine took over 3 s.
const FIRST_WRITE: Duration = Duration::from_secs(20);

impl<S: System> Stage<S, Steady> {
    /// Watches a deployed system, waits until every node serves, and puts the
    /// workload on it.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if it does not come up.
    pub async fn begin(lab: &Lab, system: S, traffic: Traffic) -> Result<Self> {
        let watch = Watch::start(lab.stream(), system.probes());
        lab.phase("wait: every node to serve");
        let healthy = wait::until("every node to serve", START_LIMIT, || system.healthy()).await;
        healthy.map_err(|error| Error::inconclusive(format!("the testbed did not come up: {error}")))?;
        lab.score(|score| score.start_ms = Some(lab.now().0));
        lab.note("steady", "every node serves");
        let workload = system.start_workload(lab, traffic);
        let run = Run {
            lab: lab.clone(),
            system,
            watch,
            workload,
            active: Vec::new(),
            struck: 0,
            story_from: None,
            effect_at: lab.now(),
        };
        Ok(Self { run: Box::new(run), phase: PhantomData })
    }

    /// Watches for a while: writes go through and no detector says a word that is not true.
    ///
    /// # Errors
    /// [`Error::Failed`] at a false alarm, [`Error::Inconclusive`] if no write is
    /// acknowledged.
    pub async fn quiet(self, time: Duration) -> Result<Self> {
        let lab = &self.run.lab;
        lab.phase(format!("quiet for {time:.0?}"));
        let before = self.ledger().acknowledged();
        lab.quiet_for(time, self.allowed()).await?;
        let first = wait::until("a write to be acknowledged", FIRST_WRITE, || async {
            if self.ledger().acknowledged() > before { Look::Ready(()) } else { Look::NotYet("none is".into()) }
        });
        first.await.map_err(|_| Error::inconclusive("no write was acknowledged although every node serves"))?;
        lab.no_false_alarm(self.allowed())?;
        Ok(self)
    }

    /// Whose alarms would be true: nobody's before anything was done; after that, those
    /// that a twin names, for a part that is away while somebody works on it.
    fn allowed(&self) -> &[&'static str] {
        if self.run.struck == 0 { &[] } else { self.run.lab.expected() }
    }

    /// Injects the incident's fault.
    ///
    /// # Errors
    /// As [`Stage::strike`].
    pub async fn inject(mut self, fault: impl Fault<S>) -> Result<Stage<S, Faulted>> {
        self.strike(fault).await?;
        Ok(self.turn())
    }

    /// Waits until every node serves again, with no help.
    ///
    /// # Errors
    /// [`Error::Failed`] if they do not within `limit`: the twin was none.
    pub async fn heals_itself(self, limit: Duration) -> Result<Self> {
        self.run.lab.phase("wait: it heals itself");
        let began = self.run.lab.now();
        self.until_healthy(limit).await?;
        let took = self.run.lab.now().since(began);
        self.run.lab.note("healthy", format!("again after {took:.1?}, with no help"));
        Ok(self)
    }

    /// Ends a played schedule: nothing acknowledged is lost and all nodes agree. What
    /// the detectors said of it is on the scorecard.
    ///
    /// # Errors
    /// [`Error::Failed`] with the ids that are not where they should be.
    pub async fn account(self) -> Result<()> {
        let found = self.compare().await?;
        self.close().await?;
        if found.is_clean() { Ok(()) } else { Err(Error::failed(found.to_string())) }
    }

    /// Ends a twin: no detector ever fired, nothing acknowledged is lost, all nodes
    /// agree.
    ///
    /// # Errors
    /// [`Error::Failed`] where one of these does not hold.
    pub async fn finish(self) -> Result<()> {
        let found = self.compare().await?;
        let (lab, allowed) = (self.run.lab.clone(), self.allowed().to_vec());
        self.close().await?;
        lab.no_false_alarm(&allowed)?;
        if found.is_clean() { Ok(()) } else { Err(Error::failed(found.to_string())) }
    }
}
