//! A run's order, held by types: `Steady → Faulted → Detected → Healed`.
//!
//! A stage can only be asked for what its phase allows: nothing is detected before
//! a fault was proved, and nothing recovered before it was detected.

mod detect;
mod exercise;
mod lab;
mod recover;
mod steady;

use std::{collections::BTreeSet, marker::PhantomData, time::Duration};

use async_trait::async_trait;

use reenact_core::{
    Error, Result,
    judge::{self, Contents, Findings},
    probe::{Moment, Probe, Watch},
    wait::{self, Look},
    workload::{Ledger, Traffic, Workload},
};
use reenact_testbed::fault::{self, Active, Fault, OnTestbed};

pub use lab::{Lab, Plan};

/// How long work that goes on after the acknowledgement may take to end.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// A system under test, deployed.
#[async_trait]
pub trait System: OnTestbed + Send + Sync + 'static {
    /// The probes that watch it, each with its interval.
    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)>;

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

/// The phases of a run.
pub mod phase {
    /// Healthy under its workload, nothing injected.
    #[derive(Debug)]
    pub enum Steady {}
    /// A fault was injected and proved.
    #[derive(Debug)]
    pub enum Faulted {}
    /// The incident's detector has fired.
    #[derive(Debug)]
    pub enum Detected {}
    /// A runbook has brought it back.
    #[derive(Debug)]
    pub enum Healed {}
}

/// A run at some phase.
#[must_use = "a stage that is dropped ends its run without a verdict"]
pub struct Stage<S, P> {
    run: Box<Run<S>>,
    phase: PhantomData<P>,
}

/// A fault of this run, to be healed apart from the others.
#[derive(Debug)]
pub struct Struck(u32);

/// What all phases share.
struct Run<S> {
    lab: Lab,
    system: S,
    watch: Watch,
    workload: Workload,
    active: Vec<(u32, Active<S>)>,
    /// How many faults were injected so far.
    struck: u32,
    /// When the first fault was injected: what the probes saw before is no part of
    /// the incident.
    story_from: Option<Moment>,
    /// When the effect that is to be detected took hold.
    effect_at: Moment,
}

impl<S: System, P> Stage<S, P> {
    fn turn<Q>(self) -> Stage<S, Q> {
        Stage { run: self.run, phase: PhantomData }
    }

    /// The system under test.
    pub fn system(&self) -> &S {
        &self.run.system
    }

    /// The run that this stage belongs to.
    pub fn lab(&self) -> &Lab {
        &self.run.lab
    }

    /// What the clients were told so far.
    pub fn ledger(&self) -> &Ledger {
        self.run.lab.ledger()
    }

    /// The clients at work.
    pub fn workload(&self) -> &Workload {
        &self.run.workload
    }

    /// Injects a fault and proves it, without leaving the phase: a part of a longer
    /// story, or the disturbance of a twin.
    ///
    /// # Errors
    /// As [`fault::inject`].
    pub async fn strike(&mut self, fault: impl Fault<S>) -> Result<Struck> {
        let run = &mut self.run;
        run.lab.phase(format!("inject: {fault}"));
        run.story_from.get_or_insert(run.lab.now());
        let active = fault::inject(&run.system, fault, run.lab.plan().sham).await?;
        run.effect_at = run.lab.now();
        run.lab.note("fault", format!("{active}: in force after {:.1?}; {}", active.took, active.proof));
        run.lab.score(|score| score.injected(&active.to_string(), active.took));
        run.struck += 1;
        run.active.push((run.struck, active));
        Ok(Struck(run.struck))
    }

    /// Heals every fault in force, the last one first.
    ///
    /// # Errors
    /// As [`Active::heal`].
    pub async fn mend(&mut self) -> Result<()> {
        while let Some(&(struck, _)) = self.run.active.last() {
            self.mend_one(Struck(struck)).await?;
        }
        Ok(())
    }

    /// Heals one fault and leaves the others in force.
    ///
    /// # Errors
    /// As [`Active::heal`]; [`Error::Bug`] if it is not in force any more.
    pub async fn mend_one(&mut self, struck: Struck) -> Result<()> {
        let run = &mut self.run;
        let found = run.active.iter().position(|(number, _)| *number == struck.0);
        let at = found.ok_or_else(|| Error::Bug("a fault was healed twice".into()))?;
        let (_, active) = run.active.remove(at);
        let text = active.to_string();
        let others = run.active.iter().map(|(_, other)| other);
        let took = active.heal_beside(&run.system, others).await?;
        if !took.is_zero() {
            run.lab.note("heal", format!("{text}: gone after {took:.1?}"));
        }
        Ok(())
    }

    /// Waits for something that the story needs and that no fault brings about by
    /// itself. Where it does not come, nothing was re-enacted.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if it does not come within `limit`.
    pub async fn wait_for<F, Fut>(&self, what: &str, limit: Duration, look: F) -> Result<()>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Look<()>>,
    {
        self.run.lab.phase(format!("wait: {what}"));
        let found = wait::until(what, limit, look).await;
        self.run.lab.note("seen", what);
        found.map_err(|error| match error {
            Error::Failed(why) => Error::Inconclusive(why),
            other => other,
        })
    }

    /// Waits until clients had this many more writes acknowledged, counted from now.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if they do not within `limit`.
    pub async fn writes(&self, more: usize, limit: Duration) -> Result<()> {
        let before = self.ledger().acknowledged();
        self.wait_for(&format!("{more} more writes to be acknowledged"), limit, || async {
            match self.ledger().acknowledged() - before {
                enough if enough >= more => Look::Ready(()),
                some => Look::NotYet(format!("{some} were")),
            }
        })
        .await
    }

    /// Says that the effect which is to be detected takes hold now, not at the last
    /// fault.
    pub fn effect_begins(&mut self) {
        self.run.effect_at = self.run.lab.now();
    }

    /// Waits until every node serves.
    async fn until_healthy(&self, limit: Duration) -> Result<()> {
        wait::until("every node to serve", limit, || self.run.system.healthy()).await
    }

    /// Ends the workload and compares what is there with what was acknowledged.
    async fn compare(&self) -> Result<Findings> {
        let run = &self.run;
        run.lab.phase("compare the contents of all nodes");
        run.workload.pause();
        run.workload.idle().await?;
        match wait::until("what is under way to end", SETTLE_LIMIT, || run.system.settled()).await {
            // What does not come to its end is what the comparison is to find.
            Ok(()) | Err(Error::Failed(_)) => {}
            Err(error) => return Err(error),
        }
        let contents = run.system.contents().await?.into_iter().collect();
        let mut found = run.lab.ledger().read(|entries| judge::compare(entries, &contents));
        found.repeated = run.system.repeated().await?;
        run.lab.note("judge", found.to_string());
        run.lab.score(|score| score.judged(&found));
        Ok(found)
    }

    /// Ends the run's tasks and keeps what they saw.
    async fn close(self) -> Result<()> {
        let Run { lab, watch, workload, .. } = *self.run;
        workload.stop().await?;
        watch.stop().await?;
        lab.note("end", "the workload and the probes have ended");
        Ok(())
    }
}
