//! A run that goes on: the system, its clients and probes, and the faults in force.

mod reads;

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reenact_core::{
    Error, Result,
    detect::Episode,
    judge::{self, Findings},
    poll::{self, Look},
    probe::{Moment, Observation, Signal, Watch},
    runbook::{Conclusion, Operator, Runbook},
    workload::{Ledger, Workload},
};
use reenact_testbed::fault::{self, Fault, FaultHandle};

use super::{Lab, System};
use reads::Minorities;

/// How long a testbed may take to serve, on a loaded machine. Typically it takes some three
/// seconds.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long work that goes on after the acknowledgement may take to end.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// A run of an incident on a deployed system. What an incident's own code is given.
pub struct Run<S: System> {
    lab: Lab,
    system: S,
    watch: Watch,
    workload: Workload,
    active: tokio::sync::Mutex<Vec<InForce<S>>>,
    minorities: Minorities,
    times: Mutex<Times>,
    by_hand: Mutex<Vec<Observation>>,
    kept: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

/// A fault in force, or one whose healing failed.
struct InForce<S> {
    name: Option<String>,
    lasts: bool,
    since: Moment,
    active: FaultHandle<S>,
}

#[derive(Clone, Copy)]
struct Times {
    /// When the story began: what the probes saw before is no part of the incident.
    story_from: Option<Moment>,
    /// When the effect that is to be detected took hold.
    effect_at: Moment,
}

impl<S: System> Run<S> {
    /// Watches a deployed system, waits until every node serves, and puts the workload on it.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if it does not come up.
    pub async fn begin(lab: &Lab, system: S) -> Result<Self> {
        let watch = Watch::start(lab.stream(), system.probes());
        lab.phase("wait: every node to serve");
        let healthy = poll::until("every node to serve", START_LIMIT, || system.healthy()).await;
        healthy.map_err(|error| Error::inconclusive(format!("the testbed did not come up: {error}")))?;
        lab.score(|score| score.start_ms = Some(lab.now().0));
        lab.record("steady", "every node serves");
        let workload = system.start_workload(lab, system.traffic());
        Ok(Self {
            lab: lab.clone(),
            system,
            watch,
            workload,
            active: tokio::sync::Mutex::default(),
            minorities: Minorities::default(),
            times: Mutex::new(Times { story_from: None, effect_at: lab.now() }),
            by_hand: Mutex::default(),
            kept: Mutex::default(),
        })
    }

    /// The system under test.
    pub fn system(&self) -> &S {
        &self.system
    }

    /// What is kept of this run.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// What the clients were told so far.
    pub fn ledger(&self) -> &Ledger {
        self.lab.ledger()
    }

    /// The clients at work.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// An operator at work outside any runbook.
    pub fn operator(&self) -> Operator<'_> {
        Operator::new(self.system.hands(), self.lab.journal(), None)
    }

    /// Keeps a value for a later piece of the story; one of each type.
    pub fn keep<T: Any + Send>(&self, value: T) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<T>(), Box::new(value));
    }

    /// The value of that type that an earlier piece of the story has kept.
    ///
    /// # Errors
    /// [`Error::Bug`] if none has.
    pub fn kept<T: Any + Clone>(&self) -> Result<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let value = kept.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref::<T>()).cloned();
        value.ok_or_else(|| Error::Bug(format!("the story has kept no {}", std::any::type_name::<T>())))
    }

    /// Injects a fault and proves it.
    ///
    /// # Errors
    /// As [`fault::inject`].
    pub async fn inject(&self, fault: impl Fault<S>) -> Result<()> {
        self.inject_shared(None, false, Arc::new(fault)).await
    }

    /// The same under a name, by which it can be healed; `lasts` says that nobody takes it
    /// back but a runbook.
    ///
    /// # Errors
    /// As [`fault::inject`].
    pub(crate) async fn inject_shared(
        &self,
        name: Option<String>,
        lasts: bool,
        fault: Arc<dyn Fault<S>>,
    ) -> Result<()> {
        let lab = &self.lab;
        lab.phase(format!("inject: {fault}"));
        let active = fault::inject_shared(&self.system, fault, lab.plan().no_fault).await?;
        self.effect_begins();
        lab.record("fault", format!("{active}: in force after {:.1?}; {}", active.took, active.proof));
        lab.score(|score| score.injected(&active.to_string(), active.took));
        self.active.lock().await.push(InForce { name, lasts, since: lab.now(), active });
        Ok(())
    }

    /// Heals the fault of that name and leaves the others in force.
    ///
    /// # Errors
    /// As [`FaultHandle::heal`]; [`Error::Bug`] if there is none.
    pub async fn heal(&self, name: &str) -> Result<()> {
        let mut active = self.active.lock().await;
        let at = active.iter().rposition(|fault| fault.name.as_deref() == Some(name));
        let at = at.ok_or_else(|| Error::Bug(format!("no fault {name:?} is in force")))?;
        self.heal_at(&mut active, at).await
    }

    /// Heals every fault in force but those that last, the last one first. One that cannot be
    /// healed does not keep the others in force, and is not forgotten.
    ///
    /// # Errors
    /// The first of [`FaultHandle::heal`].
    pub async fn heal_all(&self) -> Result<()> {
        let mut active = self.active.lock().await;
        let mut healed = Ok(());
        for at in (0..active.len()).rev() {
            if !active[at].lasts {
                healed = healed.and(self.heal_at(&mut active, at).await);
            }
        }
        healed
    }

    /// The faults that somebody should have healed and that are in force.
    pub(crate) async fn unhealed(&self) -> Vec<String> {
        let active = self.active.lock().await;
        active.iter().filter(|fault| !fault.lasts).map(|fault| fault.active.to_string()).collect()
    }

    /// Whether any fault is in force.
    pub(crate) async fn has_faults(&self) -> bool {
        !self.active.lock().await.is_empty()
    }

    async fn heal_at(&self, active: &mut Vec<InForce<S>>, at: usize) -> Result<()> {
        let others = active.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| &other.active);
        // From here on it may be half in force.
        self.minorities.ends(self.cut_off_by(&active[at]));
        let took = active[at].active.heal_beside(&self.system, others).await?;
        let healed = active.remove(at);
        if !took.is_zero() {
            self.lab.record("heal", format!("{}: gone after {took:.1?}", healed.active));
        }
        Ok(())
    }

    /// Waits for something that the story needs and that no fault brings about by itself.
    /// Where it does not come, nothing was re-enacted.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if it does not come within `limit`.
    pub async fn wait_for<F, Fut>(&self, what: &str, limit: Duration, look: F) -> Result<()>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Look<()>>,
    {
        self.lab.phase(format!("wait: {what}"));
        match poll::until(what, limit, look).await {
            Ok(()) => {
                self.lab.record("seen", what);
                Ok(())
            }
            Err(Error::Failed(why)) => Err(Error::Inconclusive(why)),
            Err(error) => Err(error),
        }
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

    /// Says that the effect which is to be detected takes hold now.
    pub fn effect_begins(&self) {
        self.times().effect_at = self.lab.now();
    }

    /// Says that the story begins: what was seen before is no part of it.
    pub(crate) fn story_begins(&self) {
        self.times().story_from.get_or_insert(self.lab.now());
    }

    /// Reads what was seen since the story began. Recording waits meanwhile: be quick.
    pub fn read<T>(&self, look: impl FnOnce(&[Observation]) -> T) -> T {
        let from = self.story_from();
        self.lab.stream().read(|seen| look(&seen[seen.partition_point(|observation| observation.at < from)..]))
    }

    /// Keeps what somebody saw who asked by hand. Marks of the report may show in it; no
    /// detector sees it.
    pub fn saw_by_hand(&self, node: &str, signal: Signal) {
        let (at, wall) = (self.lab.now(), jiff::Timestamp::now());
        self.by_hand().push(Observation { at, wall, node: node.into(), signal });
    }

    /// Whether this shows in what the probes saw since the story began, or in what was asked
    /// by hand.
    pub fn shows(&self, mark: fn(&[Observation]) -> bool) -> bool {
        self.read(mark) || mark(&self.by_hand())
    }

    fn by_hand(&self) -> std::sync::MutexGuard<'_, Vec<Observation>> {
        self.by_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the story began.
    pub(crate) fn story_from(&self) -> Moment {
        self.times().story_from.unwrap_or_default()
    }

    /// Whether anything was done yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.times().story_from.is_some()
    }

    /// When the effect that is to be detected took hold.
    pub fn effect_at(&self) -> Moment {
        self.times().effect_at
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a detector fires.
    ///
    /// # Errors
    /// [`Error::Failed`] if it does not within `limit` from the effect.
    pub async fn detects(&self, detector: &str, limit: Duration) -> Result<Episode> {
        let lab = &self.lab;
        lab.phase(format!("wait: {detector} fires"));
        let left = limit.saturating_sub(lab.now().since(self.effect_at()));
        poll::until(&format!("the detector {detector}"), left, || async {
            let fired = lab.episodes().into_iter().find(|episode| episode.detector == detector && episode.to.is_none());
            fired.map_or_else(|| Look::NotYet("it is silent".into()), Look::Ready)
        })
        .await
    }

    /// Holds that a detector fires at this moment.
    ///
    /// # Errors
    /// [`Error::Failed`] if it has fallen silent.
    pub fn still_detects(&self, detector: &str) -> Result<()> {
        if self.lab.firing().contains(&detector) {
            return Ok(());
        }
        Err(Error::failed(format!("{detector} has fallen silent, although nothing is healed")))
    }

    /// Waits until no detector fires any more.
    ///
    /// # Errors
    /// [`Error::Failed`] with those that still do after `limit`.
    pub async fn falls_silent(&self, limit: Duration) -> Result<()> {
        self.lab.phase("wait: every detector to fall silent");
        poll::until("every detector to fall silent", limit, || async {
            let firing = self.lab.firing();
            if firing.is_empty() { Look::Ready(()) } else { Look::NotYet(firing.join(", ")) }
        })
        .await
    }

    /// Watches for a while: no detector says a word that is not true. Before anything was
    /// done none may; after that, those may that the incident names.
    ///
    /// # Errors
    /// [`Error::Failed`] at a false alarm.
    pub async fn quiet(&self, time: Duration) -> Result<()> {
        self.lab.phase(format!("quiet for {time:.0?}"));
        let allowed = if self.has_begun() { self.lab.expected() } else { &[] };
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end {
            self.lab.no_false_alarm(allowed)?;
            tokio::time::sleep(poll::EVERY).await;
        }
        self.lab.no_false_alarm(allowed)
    }

    /// Waits until every node serves.
    ///
    /// # Errors
    /// [`Error::Failed`] if they do not within `limit`.
    pub async fn until_healthy(&self, limit: Duration) -> Result<()> {
        poll::until("every node to serve", limit, || self.system.healthy()).await
    }

    /// Waits until every node serves again, with no help.
    ///
    /// # Errors
    /// [`Error::Failed`] if they do not within `limit`.
    pub async fn heals_itself(&self, limit: Duration) -> Result<()> {
        self.lab.phase("wait: it heals itself");
        let began = self.lab.now();
        self.until_healthy(limit).await?;
        let took = self.lab.now().since(began);
        self.lab.record("healthy", format!("again after {took:.1?}, with no help"));
        self.lab.score(|score| score.recover_ms = Some(took.as_millis() as u64));
        Ok(())
    }

    /// Runs a runbook, which is killed after `limit` steps if that is given.
    ///
    /// # Errors
    /// What its steps met.
    pub async fn operate(&self, runbook: &dyn Runbook, limit: Option<usize>) -> Result<Conclusion> {
        self.lab.phase(format!("runbook: {runbook}"));
        let operator = Operator::new(self.system.hands(), self.lab.journal(), limit);
        let conclusion = runbook.run(&operator).await;
        if let Ok(conclusion) = &conclusion {
            self.lab.record("runbook", format!("\"{runbook}\": {conclusion:?}"));
        }
        conclusion
    }

    /// Ends the workload and compares what is there with what was acknowledged.
    ///
    /// # Errors
    /// What kept the contents from being read.
    pub async fn compare(&self) -> Result<Findings> {
        self.lab.phase("compare the contents of all nodes");
        self.workload.pause();
        self.workload.idle().await?;
        match poll::until("what is under way to end", SETTLE_LIMIT, || self.system.settled()).await {
            // What does not come to its end is what the comparison is to find.
            Ok(()) | Err(Error::Failed(_)) => {}
            Err(error) => return Err(error),
        }
        let contents = self.system.contents().await?.into_iter().collect();
        let mut found = self.lab.ledger().read(|entries| judge::compare(entries, &contents));
        found.repeated = self.system.repeated().await?;
        if let Some(promise) = self.system.promise() {
            self.check_reads(&promise, &mut found).await?;
        }
        self.lab.record("judge", found.to_string());
        self.lab.score(|score| score.judged(&found));
        Ok(found)
    }

    /// Ends the run's tasks and keeps what they saw.
    ///
    /// # Errors
    /// [`Error::Bug`] if one of them had panicked.
    pub async fn close(self) -> Result<()> {
        let stopped = self.workload.stop().await;
        stopped.and(self.watch.stop().await)?;
        self.lab.record("end", "the workload and the probes have ended");
        Ok(())
    }
}
