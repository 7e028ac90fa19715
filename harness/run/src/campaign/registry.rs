//! The registry of scenarios. Each file under `incidents/` submits its own with
//! [`scenario!`](crate::scenario).

use std::{collections::BTreeMap, time::Duration};

use futures::future::BoxFuture;
use serde::Serialize;

use crate::stage::Lab;
use reenact_core::{Error, Result, fingerprint::Fingerprint};

/// What a scenario is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A reported failure that must come alive, be noticed and be healed.
    Incident,
    /// A benign look-alike: every detector must stay silent.
    Twin,
}

/// A named scenario.
pub struct Scenario {
    /// Its name: `system::what_happens`.
    pub id: &'static str,
    /// Incident or twin.
    pub kind: Kind,
    /// What happens, for people.
    pub story: &'static str,
    /// Where it was reported or measured.
    pub source: &'static str,
    /// What is done to the system, in order.
    pub faults: &'static [&'static str],
    /// The detector that must fire; none for a twin.
    pub detector: Option<&'static str>,
    /// Detectors whose diagnosis is true as well at some moment, so that they may
    /// fire.
    pub also: &'static [&'static str],
    /// The runbooks that are judged, the right one first.
    pub runbooks: &'static [&'static str],
    /// The marks of the report that must be seen.
    pub fingerprints: &'static [Fingerprint],
    /// The images that it needs; they are made before its time begins.
    pub images: &'static [&'static str],
    /// How long a quick run may take; a full one may take three times that.
    pub budget: Duration,
    /// The run itself.
    pub run: fn(Lab) -> BoxFuture<'static, Result<()>>,
}

inventory::collect!(Scenario);

impl Scenario {
    /// What twins have in common; to be filled up with `..Scenario::TWIN`.
    pub const TWIN: Self = Self {
        id: "",
        kind: Kind::Twin,
        story: "",
        source: "",
        faults: &[],
        detector: None,
        also: &[],
        runbooks: &[],
        fingerprints: &[],
        images: &[],
        budget: Duration::from_secs(90),
        run: |_| Box::pin(async { Err(Error::Bug("a scenario without a run".into())) }),
    };

    /// What incidents have in common; to be filled up with `..Scenario::INCIDENT`.
    pub const INCIDENT: Self = Self { kind: Kind::Incident, budget: Duration::from_secs(180), ..Self::TWIN };

    /// The system that it is about.
    pub fn system(&self) -> &'static str {
        self.id.split("::").next().unwrap_or(self.id)
    }

    /// The detectors that may fire in it.
    pub fn expected(&self) -> Vec<&'static str> {
        self.detector.iter().chain(self.also).copied().collect()
    }

    /// How long a run may take.
    pub fn limit(&self, full: bool) -> Duration {
        if full { self.budget * 3 } else { self.budget }
    }
}

/// Registers a scenario.
#[macro_export]
macro_rules! scenario {
    ($($scenario:tt)*) => {
        $crate::private::inventory::submit! { $($scenario)* }
    };
}

/// All registered scenarios, by id.
///
/// # Errors
/// [`Error::Bug`] if two have the same id.
pub fn all() -> Result<Vec<&'static Scenario>> {
    let mut all: Vec<_> = inventory::iter::<Scenario>().collect();
    all.sort_by_key(|scenario| scenario.id);
    match all.windows(2).find(|pair| pair[0].id == pair[1].id) {
        Some(pair) => Err(Error::Bug(format!("two scenarios are called {}", pair[0].id))),
        None => Ok(all),
    }
}

/// The scenarios whose id is or contains any of the patterns; all of them if there is
/// no pattern.
///
/// # Errors
/// [`Error::Usage`] for a pattern that fits none; it lists those there are.
pub fn matching(patterns: &[String]) -> Result<Vec<&'static Scenario>> {
    let all = all()?;
    if let Some(pattern) = patterns.iter().find(|pattern| !all.iter().any(|scenario| scenario.id.contains(*pattern))) {
        let known: Vec<_> = all.iter().map(|scenario| scenario.id).collect();
        return Err(Error::usage(
            format!("no scenario matches {pattern:?}"),
            format!("a pattern is a part of an id; there are:\n    {}", known.join("\n    ")),
        ));
    }
    // A whole id means that scenario, also where other ids begin with it.
    let whole = |pattern: &str| all.iter().any(|scenario| scenario.id == pattern);
    let meant = |pattern: &String, id: &str| if whole(pattern) { id == pattern } else { id.contains(pattern) };
    let fits = |id: &str| patterns.is_empty() || patterns.iter().any(|pattern| meant(pattern, id));
    Ok(all.iter().copied().filter(|scenario| fits(scenario.id)).collect())
}

/// In the order in which they are best run side by side: each system's are spread evenly over
/// the whole, so that those of the system that needs most of the machine do not meet.
pub fn spread(mut scenarios: Vec<&'static Scenario>) -> Vec<&'static Scenario> {
    let mut counts = BTreeMap::new();
    let numbers: BTreeMap<_, _> = scenarios
        .iter()
        .map(|scenario| {
            let count: &mut u32 = counts.entry(scenario.system()).or_default();
            *count += 1;
            (scenario.id, *count)
        })
        .collect();
    let place = |scenario: &Scenario| f64::from(numbers[scenario.id]) / f64::from(counts[scenario.system()] + 1);
    scenarios.sort_by(|a, b| place(a).total_cmp(&place(b)));
    scenarios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_is_spread_over_the_whole() {
        let of = |id| -> &'static Scenario { Box::leak(Box::new(Scenario { id, ..Scenario::TWIN })) };
        let ids = ["a::1", "a::2", "a::3", "a::4", "a::5", "b::1", "b::2", "c::1"];
        let spread: Vec<_> = spread(ids.map(of).into()).iter().map(|scenario| scenario.id).collect();
        assert_eq!(spread, ["a::1", "a::2", "b::1", "a::3", "c::1", "a::4", "b::2", "a::5"]);
    }
}
