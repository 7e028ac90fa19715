//! A scripted system in memory and in virtual time, with a detector, a fault, a runbook and
//! clients. It follows the contract, but for its flaws.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use reenact_core::{
    Error, Result,
    detect::{Finding, Rule, View},
    detector,
    fingerprint::Fingerprint,
    judge::Contents,
    metrics::{Kind, Sample, Series},
    poll::Look,
    probe::{Answer, Observation, Probe, Signal},
    runbook::{Hands, Output},
    workload::{Ack, Client, Seen, Traffic, Workload, Write},
};
use reenact_history::Guarantee;
use reenact_testbed::fault::{Effect, Fault, Undo};
use tokio::time::Instant;

use crate::{
    incident::*,
    metrics::{Exports, Monitored},
};

mod handbook;

pub(super) use handbook::{Does, Handbook};

/// How a toy, its fault, its detectors or its runbooks misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flaw {
    /// No node ever serves.
    NeverUp,
    /// The service acknowledges nothing.
    NoWrites,
    /// A detector of another system fires while all is well.
    CriesWolfEarly,
    /// The fault does nothing.
    FaultHasNoEffect,
    /// The fault's effect was there before.
    BrokenFromTheStart,
    /// One of the report's marks never shows.
    MarkMissing,
    /// The detector never fires.
    DetectorSilent,
    /// The detector fires too late.
    DetectorLate,
    /// Another detector fires with the right one.
    CriesWolf,
    /// The fault cannot be healed.
    HealFails,
    /// It heals by itself when the fault does.
    HealsByItself,
    /// Whether it is healthy cannot be told while it is broken.
    HealthUnknown,
    /// The wrong runbook does its work where it should refuse.
    WrongDoesNotRefuse,
    /// The runbook that should be of no use heals.
    UselessHeals,
    /// The runbook that should claim success refuses.
    DeceiverRefuses,
    /// The detector falls silent after the runbook that only claims success.
    SilentAfterDeceit,
    /// The right runbook refuses.
    RightRefuses,
    /// The right runbook finds nothing to do, and does nothing.
    RightDoesNothing,
    /// The right runbook says that it is done, and has healed nothing.
    RightHealsNothing,
    /// The right runbook never ends.
    RightHangs,
    /// Killed after its first step, the right runbook refuses for ever.
    NotKillSafe,
    /// Called again, the right runbook does its work once more.
    WorksAgain,
    /// The detector goes on firing on the healthy system.
    StillFiring,
    /// Healed, the service acknowledges nothing.
    NoWritesAfterwards,
    /// It falls ill again soon after.
    Relapses,
    /// The recovery loses an acknowledged write.
    LosesAWrite,
    /// A write that failed is there.
    ResurrectsAWrite,
    /// The nodes hold different values.
    Diverges,
    /// A write took effect twice.
    RepeatsAWrite,
    /// Every write is denied to those who read.
    Misreads,
    /// The contents cannot be read.
    ContentsUnreadable,
    /// A client panics.
    ClientPanics,
    /// Another detector fires at the very end, while the contents are read.
    CriesWolfLate,
}

impl Flaw {
    pub(super) const ALL: [Self; 33] = [
        Self::NeverUp,
        Self::NoWrites,
        Self::CriesWolfEarly,
        Self::FaultHasNoEffect,
        Self::BrokenFromTheStart,
        Self::MarkMissing,
        Self::DetectorSilent,
        Self::DetectorLate,
        Self::CriesWolf,
        Self::HealFails,
        Self::HealsByItself,
        Self::HealthUnknown,
        Self::WrongDoesNotRefuse,
        Self::UselessHeals,
        Self::DeceiverRefuses,
        Self::SilentAfterDeceit,
        Self::RightRefuses,
        Self::RightDoesNothing,
        Self::RightHealsNothing,
        Self::RightHangs,
        Self::NotKillSafe,
        Self::WorksAgain,
        Self::StillFiring,
        Self::NoWritesAfterwards,
        Self::Relapses,
        Self::LosesAWrite,
        Self::ResurrectsAWrite,
        Self::Diverges,
        Self::RepeatsAWrite,
        Self::Misreads,
        Self::ContentsUnreadable,
        Self::ClientPanics,
        Self::CriesWolfLate,
    ];
}

/// What the toy's parts share.
#[derive(Default)]
struct State {
    /// Whether the fault is in force.
    faulted: bool,
    /// Whether it is broken.
    broken: bool,
    /// When it broke for the first time.
    broken_at: Option<Instant>,
    /// Whether the deceiver has run since it broke.
    deceived: bool,
    /// How often health was asked for since it was healed.
    asked: usize,
    rows: BTreeMap<u64, u64>,
    /// Whether its contents are being read.
    judged: bool,
    /// A write that was told to have failed.
    failed: Option<u64>,
}

/// The toy; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Toy {
    flaws: Arc<BTreeSet<Flaw>>,
    state: Arc<Mutex<State>>,
    /// How many calls the right runbook had.
    calls: Arc<AtomicUsize>,
    /// How often it was asked for its metrics.
    scrapes: Arc<AtomicUsize>,
    /// The diagnoses that take back what it promises of reads.
    unless: &'static [&'static str],
}

impl Toy {
    pub(super) fn with(flaws: impl IntoIterator<Item = Flaw>) -> Self {
        let flaws = Arc::new(flaws.into_iter().collect());
        let toy = Self { flaws, unless: &["wolf/wolf"], ..Self::default() };
        toy.state().broken = toy.has(Flaw::NeverUp);
        toy.state().faulted = toy.has(Flaw::BrokenFromTheStart);
        toy
    }

    /// With these diagnoses, and no others, that take back what it promises of reads.
    pub(super) fn promising_unless(self, unless: &'static [&'static str]) -> Self {
        Self { unless, ..self }
    }

    /// How often it was asked for its metrics.
    pub(super) fn scrapes(&self) -> usize {
        self.scrapes.load(Ordering::Relaxed)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mend(&self) {
        let mut state = self.state();
        state.broken = false;
        if self.has(Flaw::LosesAWrite) {
            state.rows.pop_first();
        }
    }
}

struct Gauge(Toy);

#[async_trait]
impl Exports for Gauge {
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        self.0.scrapes.fetch_add(1, Ordering::Relaxed);
        let series = Series { name: "toy_broken".into(), labels: BTreeMap::new() };
        Ok(vec![Sample { series: series.into(), kind: Kind::Gauge, value: f64::from(u8::from(self.0.state().broken)) }])
    }
}

struct Nobody;

#[async_trait]
impl Hands for Nobody {
    fn nodes(&self) -> Vec<&str> {
        vec!["n1"]
    }

    fn ip(&self, _: &str) -> Result<Ipv4Addr> {
        Ok(Ipv4Addr::LOCALHOST)
    }

    async fn is_up(&self, _: &str) -> Result<bool> {
        Ok(true)
    }

    async fn power_on(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn run(&self, _: &str, _: &[&str]) -> Result<Output> {
        Ok(Output { code: 0, text: String::new() })
    }
}

/// When a late toy shows that it is broken, and its mark: the detector fires too late, and
/// before the marks are all seen.
const LATE: Duration = Duration::from_secs(3);
const LATER: Duration = Duration::from_millis(4500);

struct Health(Toy);

#[async_trait]
impl Probe for Health {
    fn node(&self) -> &str {
        "n1"
    }

    async fn look(&mut self) -> Vec<Signal> {
        let toy = &self.0;
        let state = toy.state();
        let silent = toy.has(Flaw::DetectorSilent) || (state.deceived && toy.has(Flaw::SilentAfterDeceit));
        let fires = (state.broken && !silent) || (state.broken_at.is_some() && toy.has(Flaw::StillFiring));
        let wolf = toy.has(Flaw::CriesWolfEarly)
            || (state.broken && toy.has(Flaw::CriesWolf))
            || (state.judged && toy.has(Flaw::CriesWolfLate));
        let since = state.broken_at.map(|at| at.elapsed());
        let before = |time| toy.has(Flaw::DetectorLate) && since.is_none_or(|since| since < time);
        let late = before(LATE);
        let values = [("broken", fires && !late), ("wolf", wolf)];
        let values = values.map(|(name, holds)| (name.to_owned(), holds.to_string())).into();
        let mut seen = vec![Signal::Query { of: "toy".into(), answer: Answer::Values { values } }];
        if state.broken && !before(LATER) {
            let mark = if toy.has(Flaw::MarkMissing) { "it hums" } else { "it burns" };
            seen.push(Signal::Log { line: mark.into() });
        }
        seen
    }
}

/// The last answer.
#[derive(Default)]
struct Last(BTreeMap<String, String>);

impl View for Last {
    fn observe(&mut self, observation: &Observation) {
        if let Signal::Query { of, answer: Answer::Values { values } } = &observation.signal
            && of == "toy"
        {
            self.0.clone_from(values);
        }
    }
}

fn says(view: &Last, name: &str) -> Finding {
    if view.0.get(name).is_some_and(|word| word == "true") { Finding::Yes(vec![name.into()]) } else { Finding::No }
}

pub(super) const BROKEN: &str = "toy/broken";

detector! { BROKEN, "the toy is broken", Rule::new(Duration::from_millis(500), |view: &Last| says(view, "broken")) }
detector! { "wolf/wolf", "there is a wolf", Rule::new(Duration::ZERO, |view: &Last| says(view, "wolf")) }

struct Pen(Toy);

#[async_trait]
impl Client for Pen {
    async fn write(&mut self, write: Write) -> Ack {
        let toy = &self.0;
        assert!(!(toy.has(Flaw::ClientPanics) && write.id == 3), "a client panics on purpose");
        let mut state = toy.state();
        let deaf = toy.has(Flaw::NoWrites) || (state.broken_at.is_some() && toy.has(Flaw::NoWritesAfterwards));
        if state.broken || deaf || write.id == 2 {
            state.failed = Some(write.id);
            return Ack::Failed { why: "it is broken".into() };
        }
        state.rows.insert(write.id, write.value);
        Ack::Ok
    }

    async fn read(&mut self, of: Write) -> Option<Seen> {
        let toy = &self.0;
        let value = toy.state().rows.get(&of.id).copied();
        Some(Seen { node: "n1".into(), value: value.filter(|_| !toy.has(Flaw::Misreads)) })
    }

    fn node(&self) -> &str {
        "n1"
    }
}

#[async_trait]
impl System for Toy {
    type Setup = ();

    fn hands(&self) -> Box<dyn Hands> {
        Box::new(Nobody)
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        vec![(Duration::from_millis(100), Box::new(Health(self.clone())))]
    }

    fn monitored(&self) -> Vec<Monitored> {
        vec![Monitored::made("toy", "n1", "n1:1", Gauge(self.clone()))]
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let toy = self.clone();
        Workload::start(lab.ledger(), lab.plan().seed, traffic, 1, move |_| Pen(toy.clone()))
    }

    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        if self.has(Flaw::ContentsUnreadable) {
            return Err(Error::inconclusive("n1 cannot be read"));
        }
        self.state().judged = true;
        // Time for one more look of the probe's.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let state = self.state();
        let (mut one, mut other) = (state.rows.clone(), state.rows.clone());
        if let Some(id) = state.failed.filter(|_| self.has(Flaw::ResurrectsAWrite)) {
            one.insert(id, 0);
            other.insert(id, 0);
        }
        if self.has(Flaw::Diverges)
            && let Some(mut row) = other.last_entry()
        {
            *row.get_mut() += 1;
        }
        Ok(vec![("n1".into(), one), ("n2".into(), other)])
    }

    async fn repeated(&self) -> Result<BTreeSet<u64>> {
        Ok(if self.has(Flaw::RepeatsAWrite) { [1].into() } else { BTreeSet::new() })
    }

    fn promise(&self) -> Option<Promise> {
        Some(Promise { reads: Guarantee::Linearizable, unless: self.unless })
    }

    fn voters(&self) -> Vec<&str> {
        vec!["n1", "n2", "n3"]
    }

    async fn healthy(&self) -> Look<()> {
        let mut state = self.state();
        if state.broken {
            if state.broken_at.is_some() && self.has(Flaw::HealthUnknown) {
                return Look::Never(Error::inconclusive("nobody knows the node n1"));
            }
            return Look::NotYet("n1 is broken".into());
        }
        state.asked += usize::from(state.broken_at.is_some());
        if state.asked > 1 && self.has(Flaw::Relapses) {
            Look::NotYet("n1 is ill again".into())
        } else {
            Look::Ready(())
        }
    }
}

/// The toy's fault.
#[derive(Debug)]
pub(super) struct Break;

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("n1 dropped")
    }
}

#[async_trait]
impl Fault<Toy> for Break {
    async fn inject(&self, toy: &Toy) -> Result<Undo> {
        if !toy.has(Flaw::FaultHasNoEffect) {
            let mut state = toy.state();
            (state.faulted, state.broken, state.broken_at) = (true, true, Some(Instant::now()));
        }
        let toy = toy.clone();
        Ok(Undo::by(async move {
            if toy.has(Flaw::HealFails) {
                return Err(Error::inconclusive("n1 cannot be picked up"));
            }
            let mut state = toy.state();
            state.faulted = false;
            state.broken &= !toy.has(Flaw::HealsByItself);
            Ok(())
        }))
    }

    async fn effect(&self, toy: &Toy) -> Result<Effect> {
        Ok(Effect::new(toy.state().faulted, "dropped or not"))
    }

    fn leaves_in_a_minority<'v>(&self, voters: &[&'v str]) -> Vec<&'v str> {
        voters.iter().copied().filter(|voter| *voter == "n1").collect()
    }
}

pub(super) const BURNS: Fingerprint =
    Fingerprint { id: "burns", report: "it burns", shows: |seen| seen.iter().any(|o| o.is_log_with(&["it burns"])) };
