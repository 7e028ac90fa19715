//! The registry of scenarios. Each file under `incidents/` submits its own with
//! [`incident!`](crate::incident), or a table of variants with [`incidents!`](crate::incidents).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures::future::BoxFuture;
use reenact_core::{Error, Result, fingerprint::Fingerprint, runbook::Runbook};
use reenact_testbed::Session;
use serde::Serialize;

use super::core;
use crate::{
    contract::{self, Proof, Step},
    drill::Exercise,
    incident::{Action, Deploy, Expected, Harm, How, Incident, Stated, System},
    lab::Lab,
};

/// How long a quick run may take in all. Each of its waits has a limit of its own; this one
/// is for what nobody thought of.
const LIMIT: Duration = Duration::from_secs(300);
/// How many times as long a full run may take.
const FULL: u32 = 4;

/// What a scenario is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A reported failure that must come alive, be noticed and be healed.
    Incident,
    /// A benign look-alike: every detector must stay silent.
    Twin,
}

/// An incident whatever its system, with what people ask of it. All of it comes from the
/// incident's value.
pub struct Scenario {
    /// Its name: `system::what_happens`.
    pub id: String,
    /// Incident or twin.
    pub kind: Kind,
    /// What happens, for people.
    pub story: String,
    /// Where it was reported or measured.
    pub source: String,
    /// What is done to the system, in order.
    pub faults: Vec<String>,
    /// The detector that must fire at last; none for a twin.
    pub detector: Option<&'static str>,
    /// Detectors whose diagnosis is true as well at some moment, so that they may fire.
    pub also: Vec<&'static str>,
    /// The runbooks that are judged, the right one first.
    pub runbooks: Vec<String>,
    /// The marks of the report that must be seen.
    pub fingerprints: Vec<Fingerprint>,
    /// The images that it needs; they are made before its time begins.
    pub images: Vec<&'static str>,
    /// What the contract proves of it, or why not.
    pub contract: BTreeMap<Step, Proof>,
    /// What it tries out: see [`core`](mod@super::core).
    pub covers: BTreeSet<String>,
    /// How many acts its story has.
    pub acts: usize,
    /// Whether it belongs to the core: see [`core`](mod@super::core).
    pub core: bool,
    /// What it tries and nothing else in the core does: why it is in it.
    pub alone: BTreeSet<String>,
    limit: Duration,
    start: Start,
    drill: Drill,
    heals: Option<Arc<dyn Runbook>>,
}

/// Deploys a scenario's system and performs its contract.
type Start = Box<dyn Fn(Arc<Session>, Lab) -> BoxFuture<'static, Result<()>> + Send + Sync>;
/// The same up to its diagnosis, and hands it over.
type Drill = Box<dyn Fn(Arc<Session>, Lab, Arc<Exercise>) -> BoxFuture<'static, Result<()>> + Send + Sync>;

impl Scenario {
    /// The scenario of an incident.
    pub fn of<S: Deploy>(incident: Incident<S>) -> Self {
        let incident = Arc::new(incident);
        let mut musts = incident.acts.iter().filter_map(|act| match act.detected.by {
            Stated::Given((detector, _)) => Some(detector),
            Stated::Not(_) => None,
        });
        let detector = musts.next_back();
        let fingerprints = incident.acts.iter().flat_map(|act| match &act.fingerprints {
            Stated::Given(marks) => marks.all.clone(),
            Stated::Not(_) => Vec::new(),
        });
        Self {
            id: incident.id.into(),
            kind: if detector.is_some() { Kind::Incident } else { Kind::Twin },
            story: incident.story.into(),
            source: incident.source.into(),
            faults: done(&incident),
            detector,
            also: incident.expected().into_iter().filter(|id| Some(*id) != detector).collect(),
            runbooks: judged(&incident),
            fingerprints: fingerprints.collect(),
            images: S::images(&incident.setup),
            contract: contract::table(&incident),
            covers: core::covered(&incident),
            acts: incident.acts.len(),
            core: false,
            alone: BTreeSet::new(),
            limit: LIMIT,
            heals: heals(&incident),
            drill: drill(Arc::clone(&incident)),
            start: start(incident),
        }
    }

    /// A scenario that can be told of and not run: for those who only write about scenarios.
    pub fn told(id: &str, kind: Kind) -> Self {
        Self {
            id: id.into(),
            kind,
            story: String::new(),
            source: String::new(),
            faults: Vec::new(),
            detector: None,
            also: Vec::new(),
            runbooks: Vec::new(),
            fingerprints: Vec::new(),
            images: Vec::new(),
            contract: BTreeMap::new(),
            covers: BTreeSet::new(),
            acts: 1,
            core: false,
            alone: BTreeSet::new(),
            limit: LIMIT,
            heals: None,
            start: Box::new(|_, _| Box::pin(async { Err(Error::Bug("a scenario that is only told of".into())) })),
            drill: Box::new(|_, _, _| Box::pin(async { Err(Error::Bug("a scenario that is only told of".into())) })),
        }
    }

    /// The same under another id.
    #[must_use]
    pub(crate) fn named(mut self, id: String) -> Self {
        self.id = id;
        self
    }

    /// The same for a story that goes on for so long by itself.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.limit += time + LIMIT;
        self
    }

    /// The system that it is about.
    pub fn system(&self) -> &str {
        self.id.split("::").next().unwrap_or(&self.id)
    }

    /// The detectors that may fire in it.
    pub fn expected(&self) -> Vec<&'static str> {
        self.detector.iter().chain(&self.also).copied().collect()
    }

    /// The runbook that heals what a drill hands over, where one does and is the same in every run.
    pub fn heals(&self) -> Option<Arc<dyn Runbook>> {
        self.heals.clone()
    }

    /// How long a run may take.
    pub fn limit(&self, full: bool) -> Duration {
        if full { self.limit * FULL } else { self.limit }
    }

    /// Deploys its system, plays the story up to its diagnosis, and hands it over.
    pub(crate) fn drill(
        &self,
        session: Arc<Session>,
        lab: Lab,
        exercise: Arc<Exercise>,
    ) -> BoxFuture<'static, Result<()>> {
        (self.drill)(session, lab, exercise)
    }

    /// Deploys its system and performs its contract.
    pub(crate) fn start(&self, session: Arc<Session>, lab: Lab) -> BoxFuture<'static, Result<()>> {
        (self.start)(session, lab)
    }
}

fn heals<S: System>(incident: &Incident<S>) -> Option<Arc<dyn Runbook>> {
    match &incident.acts.get(contract::drilled_act(incident))?.ends.how {
        How::HealedBy(right, _) => right.fixed(),
        _ => None,
    }
}

fn drill<S: Deploy>(incident: Arc<Incident<S>>) -> Drill {
    Box::new(move |session, lab, exercise| {
        let incident = Arc::clone(&incident);
        Box::pin(async move {
            lab.begins(Step::Steady);
            let system = S::deploy(&session, &lab, &incident.setup).await?;
            contract::drill(&session, &lab, system, &incident, &exercise).await
        })
    })
}

fn start<S: Deploy>(incident: Arc<Incident<S>>) -> Start {
    Box::new(move |session, lab| {
        let incident = Arc::clone(&incident);
        Box::pin(async move {
            lab.begins(Step::Steady);
            let system = S::deploy(&session, &lab, &incident.setup).await?;
            contract::perform(&lab, system, &incident).await
        })
    })
}

/// What is done to the system, in order.
fn done<S: System>(incident: &Incident<S>) -> Vec<String> {
    fn of<S: System>(actions: &[Action<S>]) -> impl Iterator<Item = String> {
        actions.iter().map(|action| action.what.clone())
    }
    let mut all = Vec::new();
    for act in &incident.acts {
        all.extend(of(&act.breaks).chain(of(&act.detected.then)));
        if let How::Harm(harmful) = &act.ends.how {
            all.extend(of(&harmful.by));
        }
    }
    all
}

/// The runbooks that are judged, the right ones first.
fn judged<S: System>(incident: &Incident<S>) -> Vec<String> {
    let ends = incident.acts.iter().filter_map(|act| match &act.ends.how {
        How::HealedBy(right, within) => Some(format!("right: {}, within {within:.0?}", right.what)),
        How::ByItself(within) => Some(format!("none is needed: it heals by itself within {within:.0?}")),
        How::Harm(harmful) => {
            let kinds: Vec<_> = harmful.kinds.iter().copied().map(Harm::name).collect();
            Some(format!("harmful: what is done in the end; writes are {}", kinds.join(", ")))
        }
        How::GoesOn | How::AsDiagnosed(_) => None,
    });
    let wrong = incident.acts.iter().flat_map(|act| match &act.wrong {
        Stated::Given(wrong) => &wrong[..],
        Stated::Not(_) => &[],
    });
    let wrong = wrong.map(|wrong| match wrong.expected {
        Expected::Refuses => format!("refuses: {}", wrong.runbook.what),
        Expected::Useless(time) => format!("no help for {time:.0?}: {}", wrong.runbook.what),
        Expected::Deceives(time) => format!("a false success for {time:.0?}: {}", wrong.runbook.what),
    });
    ends.chain(wrong).collect()
}

/// An entry of the registry; made by [`incident!`](crate::incident).
pub struct Entry {
    /// Makes its scenarios.
    pub make: fn() -> Vec<Scenario>,
}

inventory::collect!(Entry);

/// Registers an incident of a system: `incident!(Galera, Incident { … });`.
#[macro_export]
macro_rules! incident {
    ($system:ty, $incident:expr $(,)?) => {
        $crate::private::inventory::submit! {
            $crate::campaign::Entry {
                make: || {
                    let incident: $crate::incident::Incident<$system> = $incident;
                    vec![$crate::campaign::Scenario::of(incident)]
                }
            }
        }
    };
}

/// Registers a table of variants, anything that can be iterated over:
/// `incidents!(Galera, VERSIONS.map(variant));`.
#[macro_export]
macro_rules! incidents {
    ($system:ty, $incidents:expr $(,)?) => {
        $crate::private::inventory::submit! {
            $crate::campaign::Entry {
                make: || {
                    let all = ::std::iter::IntoIterator::into_iter($incidents);
                    all.map($crate::campaign::Scenario::of::<$system>).collect()
                }
            }
        }
    };
}

/// All registered scenarios, by id.
///
/// # Errors
/// [`Error::Bug`] if two have the same id.
pub fn all() -> Result<Vec<&'static Scenario>> {
    static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
        let mut all: Vec<_> = inventory::iter::<Entry>().flat_map(|entry| (entry.make)()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        core::choose(&mut all);
        all
    });
    match ALL.windows(2).find(|pair| pair[0].id == pair[1].id) {
        Some(pair) => Err(Error::Bug(format!("two scenarios are called {}", pair[0].id))),
        None => Ok(ALL.iter().collect()),
    }
}

/// The scenarios whose id is or contains any of the patterns; all of them if there is
/// no pattern.
///
/// # Errors
/// [`Error::Usage`] for a pattern that fits none; it lists the nearest.
pub fn matching(patterns: &[String]) -> Result<Vec<&'static Scenario>> {
    let all = all()?;
    if let Some(pattern) = patterns.iter().find(|pattern| !all.iter().any(|scenario| scenario.id.contains(*pattern))) {
        let near = nearest(pattern, all.iter().map(|scenario| scenario.id.as_str()));
        let help = match near[..] {
            [] => "a pattern is a part of an id; `reenact list` shows them all".to_owned(),
            _ => format!(
                "did you mean {}? A pattern is a part of an id; `reenact list` shows them all",
                near.join(" or ")
            ),
        };
        return Err(Error::usage(format!("no scenario matches {pattern:?}"), help));
    }
    // A whole id means that scenario, also where other ids begin with it.
    let whole = |pattern: &str| all.iter().any(|scenario| scenario.id == pattern);
    let meant = |pattern: &String, id: &str| if whole(pattern) { id == pattern } else { id.contains(pattern) };
    let fits = |id: &str| patterns.is_empty() || patterns.iter().any(|pattern| meant(pattern, id));
    Ok(all.iter().copied().filter(|scenario| fits(&scenario.id)).collect())
}

/// The ids that share most words with a text, the system's name aside, so that a slip in one
/// word still finds it.
pub fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str> + Clone) -> Vec<&'a str> {
    let name = |id: &str| id.rsplit("::").next().unwrap_or_default().to_owned();
    let wanted = name(text);
    let wanted: Vec<_> = wanted.split('_').collect();
    let shared = |id: &str| name(id).split('_').filter(|word| wanted.contains(word)).count();
    let most = known.clone().map(shared).max().unwrap_or_default();
    known.filter(|id| most > 0 && shared(id) == most).take(5).collect()
}

/// In the order in which they are best run side by side: the longest first, so that none is left
/// to run alone in the end; those that have no known duration are taken for the longest.
pub fn longest_first<'a>(mut scenarios: Vec<&'a Scenario>, durations: &BTreeMap<String, f64>) -> Vec<&'a Scenario> {
    let lasts = |scenario: &&Scenario| durations.get(&scenario.id).copied().unwrap_or(f64::INFINITY);
    scenarios.sort_by(|a, b| lasts(b).total_cmp(&lasts(a)));
    scenarios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_come_first_and_the_unknown_before_them() {
        let all = ["a::short", "a::long", "b::unknown"].map(|id| Scenario::told(id, Kind::Incident));
        let durations = BTreeMap::from([("a::short".to_owned(), 1.0), ("a::long".to_owned(), 2.0)]);
        let ordered = longest_first(all.iter().collect(), &durations);
        assert_eq!(ordered.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["b::unknown", "a::long", "a::short"]);
    }

    #[test]
    fn a_slip_in_one_word_still_finds_the_id() {
        let known = ["one::two_kings", "two::bees_two_queens", "one::wrong_door"];
        assert_eq!(nearest("one::two_kinks", known.into_iter()), [known[0], known[1]]);
        assert!(nearest("one::meteor", known.into_iter()).is_empty());
    }
}
