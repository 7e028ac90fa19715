//! An incident as one value: what is done, what must be seen, and how it ends.
//!
//! A value has no defaults: what an author does not give does not compile, and what does
//! not apply is a reason that `list --contract` shows. A benign look-alike is the same
//! value with [`nobody`] for a detector; a schedule becomes one too.

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use reenact_core::{Result, fingerprint::Fingerprint, judge::Findings, runbook::Runbook};

use super::{Action, Run, System};
use crate::play::Play;

/// A value, or the reason why there is none.
#[derive(Debug, Clone)]
pub enum Stated<T> {
    /// The value.
    Given(T),
    /// Why there is none.
    Not(Cow<'static, str>),
}

/// So many seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// There is none, for this reason.
pub fn none<T>(why: impl Into<Cow<'static, str>>) -> Stated<T> {
    Stated::Not(why.into())
}

/// A reported failure, or its benign look-alike.
pub struct Incident<S: System> {
    /// Its name: `system::what_happens`.
    pub id: &'static str,
    /// What happens, for people.
    pub story: &'static str,
    /// Where it was reported or measured.
    pub source: &'static str,
    /// The testbed that it happens on.
    pub setup: S::Setup,
    /// What happens, one act after another; most have one.
    pub acts: Vec<Act<S>>,
}

/// A part of an incident with a diagnosis and an end of its own.
pub struct Act<S: System> {
    /// How it breaks, in order.
    pub breaks: Vec<Action<S>>,
    /// The marks of the report that must be seen.
    pub fingerprints: Stated<Marks>,
    /// Who must notice.
    pub detected: Diagnosis<S>,
    /// For how long it must stay broken with every fault healed and nothing done.
    pub control: Stated<Duration>,
    /// The wrong runbooks, and what is expected of each.
    pub wrong: Stated<Vec<Wrong<S>>>,
    /// How it ends.
    pub ends: End<S>,
}

impl<S: System> Act<S> {
    /// The act of a benign look-alike: no detector may fire, and it heals by itself.
    pub fn benign(breaks: Vec<Action<S>>, within: Duration) -> Self {
        Self {
            breaks,
            fingerprints: none("benign: nothing was reported"),
            detected: nobody("benign: every detector must stay silent"),
            control: none("benign: nothing is broken for good"),
            wrong: none("benign: nothing is to be done"),
            ends: by_itself(within),
        }
    }
}

/// The marks of a report, all of which must be seen within a time.
#[derive(Clone)]
pub struct Marks {
    /// The marks.
    pub all: Vec<Fingerprint>,
    /// From the last thing that was done.
    pub within: Duration,
}

/// These marks must be seen within that time.
pub fn seen(all: &[Fingerprint], within: Duration) -> Stated<Marks> {
    Stated::Given(Marks { all: all.to_vec(), within })
}

/// It must stay broken for so long with every fault healed and nothing done.
pub fn stays_broken(time: Duration) -> Stated<Duration> {
    Stated::Given(time)
}

/// These wrong runbooks are tried.
pub fn tried<S: System>(wrong: impl IntoIterator<Item = Wrong<S>>) -> Stated<Vec<Wrong<S>>> {
    Stated::Given(wrong.into_iter().collect())
}

/// Who must notice, and who may.
pub struct Diagnosis<S: System> {
    /// The detector that must fire, and within how long from the effect.
    pub by: Stated<(&'static str, Duration)>,
    /// The detectors whose diagnosis is true as well at some moment, so that they may fire.
    pub also: Vec<&'static str>,
    /// What else happens, or is claimed, once it is detected.
    pub then: Vec<Action<S>>,
}

/// The detector must fire within that time from the fault's effect.
pub fn by<S: System>(detector: &'static str, within: Duration) -> Diagnosis<S> {
    Diagnosis { by: Stated::Given((detector, within)), also: Vec::new(), then: Vec::new() }
}

/// No detector may fire: a benign look-alike.
pub fn nobody<S: System>(why: impl Into<Cow<'static, str>>) -> Diagnosis<S> {
    Diagnosis { by: none(why), also: Vec::new(), then: Vec::new() }
}

impl<S: System> Diagnosis<S> {
    /// These detectors may fire too.
    #[must_use]
    pub fn also(mut self, detectors: &[&'static str]) -> Self {
        self.also.extend(detectors);
        self
    }

    /// What else happens, or is claimed, once it is detected.
    #[must_use]
    pub fn then(mut self, actions: impl IntoIterator<Item = Action<S>>) -> Self {
        self.then.extend(actions);
        self
    }
}

/// Makes a runbook when it is called.
type Choose<S> = dyn Fn(&Run<S>) -> Result<Arc<dyn Runbook>> + Send + Sync;

enum Make<S: System> {
    Fixed(Arc<dyn Runbook>),
    Chosen(Box<Choose<S>>),
}

/// A runbook, or one that the run chooses by what it sees.
pub struct Procedure<S: System> {
    /// What it does, as an imperative.
    pub what: String,
    make: Make<S>,
}

impl<S: System, R: Runbook + 'static> From<R> for Procedure<S> {
    fn from(runbook: R) -> Self {
        Self { what: runbook.to_string(), make: Make::Fixed(Arc::new(runbook)) }
    }
}

impl<S: System> Procedure<S> {
    /// A runbook that is made when it is called.
    pub fn chosen(
        what: impl Into<String>,
        make: impl Fn(&Run<S>) -> Result<Arc<dyn Runbook>> + Send + Sync + 'static,
    ) -> Self {
        Self { what: what.into(), make: Make::Chosen(Box::new(make)) }
    }

    pub(crate) fn runbook(&self, run: &Run<S>) -> Result<Arc<dyn Runbook>> {
        match &self.make {
            Make::Fixed(runbook) => Ok(Arc::clone(runbook)),
            Make::Chosen(make) => make(run),
        }
    }

    /// The runbook, where it is the same in every run.
    pub(crate) fn fixed(&self) -> Option<Arc<dyn Runbook>> {
        match &self.make {
            Make::Fixed(runbook) => Some(Arc::clone(runbook)),
            Make::Chosen(_) => None,
        }
    }
}

/// A wrong runbook, and what is expected of it.
pub struct Wrong<S: System> {
    /// It.
    pub runbook: Procedure<S>,
    /// What is expected of it.
    pub expected: Expected,
    /// Whether it is tried while the faults are still in force.
    pub beside_faults: bool,
    /// The detectors that must fire after it, whatever it claims.
    pub still: Vec<&'static str>,
}

/// What is expected of a wrong runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It refuses, and changes nothing.
    Refuses,
    /// It does its work, and the system is as broken as before for this long.
    Useless(Duration),
    /// It claims success, and the system is as broken as before for this long.
    Deceives(Duration),
}

/// This runbook must refuse.
pub fn refuses<S: System>(runbook: impl Into<Procedure<S>>) -> Wrong<S> {
    Wrong { runbook: runbook.into(), expected: Expected::Refuses, beside_faults: false, still: Vec::new() }
}

/// This runbook does no harm, and no good: it is as broken as before for this long.
pub fn useless<S: System>(runbook: impl Into<Procedure<S>>, time: Duration) -> Wrong<S> {
    Wrong { expected: Expected::Useless(time), ..refuses(runbook) }
}

/// This runbook believes to have healed it, and it is as broken as before for this long.
pub fn deceives<S: System>(runbook: impl Into<Procedure<S>>, time: Duration) -> Wrong<S> {
    Wrong { expected: Expected::Deceives(time), ..refuses(runbook) }
}

impl<S: System> Wrong<S> {
    /// It is tried while the faults are still in force.
    #[must_use]
    pub fn beside_faults(mut self) -> Self {
        self.beside_faults = true;
        self
    }

    /// These detectors must fire after it, whatever it claims.
    #[must_use]
    pub fn still(mut self, detectors: &[&'static str]) -> Self {
        self.still.extend(detectors);
        self
    }
}

/// How an act ends, and what is claimed of that end.
pub struct End<S: System> {
    /// How.
    pub how: How<S>,
    /// What is claimed, or done, after it.
    pub then: Vec<Action<S>>,
}

/// How an act ends.
pub enum How<S: System> {
    /// The right runbook heals it within this time. Called again it changes nothing, and
    /// killed after any step and run again it heals.
    HealedBy(Procedure<S>, Duration),
    /// It heals by itself within this time, once the faults are healed.
    ByItself(Duration),
    /// A wrong runbook ends it in harm that the judge names.
    Harm(Harmful<S>),
    /// The next act goes on from here, with all that is in force.
    GoesOn,
    /// A schedule: by itself, or by the runbooks for what the detectors say.
    AsDiagnosed(Arc<Play<S>>),
}

/// The harm that a wrong runbook does.
pub struct Harmful<S: System> {
    /// What is done, the wrong runbook among it.
    pub by: Vec<Action<S>>,
    /// What the judge must find, each of it.
    pub kinds: Vec<Harm>,
    /// What else is claimed of the findings.
    pub claim: Option<(String, Claim<S>)>,
}

/// A claim about what the judge found; the error says what does not hold.
pub type Claim<S> = Box<dyn for<'r> Fn(&'r Run<S>, &'r Findings) -> BoxFuture<'r, Result<()>> + Send + Sync>;

/// A kind of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Acknowledged writes are missing.
    Lost,
    /// Writes that certainly failed are there.
    Resurrected,
    /// There is what nobody wrote.
    Unexpected,
    /// Writes have another value than was written.
    Corrupted,
    /// The nodes hold different contents.
    Divergent,
    /// Writes took effect more than once.
    Repeated,
    /// Writes were read otherwise than the system promises.
    Misread,
}

impl Harm {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Resurrected => "resurrected",
            Self::Unexpected => "unexpected",
            Self::Corrupted => "corrupted",
            Self::Divergent => "divergent",
            Self::Repeated => "repeated",
            Self::Misread => "misread",
        }
    }

    /// How many writes the judge found harmed in this way.
    pub fn count(self, found: &Findings) -> usize {
        match self {
            Self::Lost => &found.lost,
            Self::Resurrected => &found.resurrected,
            Self::Unexpected => &found.unexpected,
            Self::Corrupted => &found.corrupted,
            Self::Divergent => &found.divergent,
            Self::Repeated => &found.repeated,
            Self::Misread => &found.misread,
        }
        .len()
    }
}

/// The right runbook heals it within this time.
pub fn healed_by<S: System>(runbook: impl Into<Procedure<S>>, within: Duration) -> End<S> {
    How::HealedBy(runbook.into(), within).into()
}

/// It heals by itself within this time, once the faults are healed.
pub fn by_itself<S: System>(within: Duration) -> End<S> {
    How::ByItself(within).into()
}

/// These actions, a wrong runbook among them, end it in harm of these kinds.
pub fn harm<S: System>(by: impl IntoIterator<Item = Action<S>>, kinds: &[Harm]) -> End<S> {
    How::Harm(Harmful { by: by.into_iter().collect(), kinds: kinds.to_vec(), claim: None }).into()
}

/// The next act goes on from here, with all that is in force.
pub fn goes_on<S: System>() -> End<S> {
    How::GoesOn.into()
}

impl<S: System> From<How<S>> for End<S> {
    fn from(how: How<S>) -> Self {
        Self { how, then: Vec::new() }
    }
}

impl<S: System> End<S> {
    /// What is claimed, or done, after it.
    #[must_use]
    pub fn then(mut self, actions: impl IntoIterator<Item = Action<S>>) -> Self {
        self.then.extend(actions);
        self
    }

    /// What else is claimed of the judge's findings, where it ends in harm.
    #[must_use]
    pub fn claiming<F>(mut self, what: impl Into<String>, claim: F) -> Self
    where
        F: for<'r> Fn(&'r Run<S>, &'r Findings) -> BoxFuture<'r, Result<()>> + Send + Sync + 'static,
    {
        if let How::Harm(harmful) = &mut self.how {
            harmful.claim = Some((what.into(), Box::new(claim)));
        }
        self
    }
}

impl<S: System> Incident<S> {
    /// The detectors that may fire in it.
    pub fn expected(&self) -> Vec<&'static str> {
        let of = |act: &Act<S>| {
            let must = match act.detected.by {
                Stated::Given((detector, _)) => Some(detector),
                Stated::Not(_) => None,
            };
            must.into_iter().chain(act.detected.also.iter().copied()).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.acts.iter().flat_map(of).collect();
        let mut met = std::collections::BTreeSet::new();
        all.retain(|id| met.insert(*id));
        all
    }
}
