//! What a rule's selectors find in a recording, and why one finds nothing.

use std::collections::BTreeSet;

use crate::{
    axis::{Parts, Track},
    promql::Selector,
    recording::{Kept, Recording, Scraped},
    rules::Rules,
};

/// How many values of a label are named.
const NAMED: usize = 4;

/// What a selector finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// As the rule has it.
    pub(crate) text: String,
    /// Whether it is meant to find nothing.
    pub(crate) absence: bool,
    /// The nodes that had such series while all was healthy.
    pub(crate) before: BTreeSet<String>,
    /// Those that have them at the end of the broken phase.
    pub(crate) now: BTreeSet<String>,
    /// Those that had them at any time.
    pub(crate) ever: BTreeSet<String>,
    /// Why it never found anything.
    pub(crate) why: Option<String>,
}

impl Found {
    /// The nodes that lost all such series.
    pub(crate) fn lost(&self) -> Vec<&str> {
        self.before.difference(&self.now).map(String::as_str).collect()
    }
}

/// What each selector of a rule finds, those of the recording rules that it reads among them.
pub(crate) fn found(rules: &Rules, number: usize, recording: &Recording) -> Vec<Found> {
    let own = rules.recorded_for(number);
    let is_made = |selector: &Selector| {
        let makes = |rule: &crate::rules::Rule| rule.is_recording && selector.names(&rule.alert.name);
        rules.rules.iter().any(makes)
    };
    let all = own.into_iter().chain([number]).flat_map(|at| &rules.rules[at].reads.selectors);
    let parts = Parts::of(recording);
    all.filter(|selector| !is_made(selector)).map(|selector| find(selector, recording, &parts)).collect()
}

fn find(selector: &Selector, recording: &Recording, parts: &Parts) -> Found {
    let mut found = Found {
        text: selector.text.clone(),
        absence: selector.is_asked_for_absence(),
        before: BTreeSet::new(),
        now: BTreeSet::new(),
        ever: BTreeSet::new(),
        why: None,
    };
    for scraped in &recording.targets {
        let selected = scraped.series.iter().filter(|kept| selector.selects(&kept.name, &kept.labels));
        let track = Track::of(scraped, parts);
        for kept in selected {
            let node = || scraped.target.node.clone();
            let last = track.held.last().or(track.onset.last());
            found.ever.extend(kept.values.iter().any(Option::is_some).then(node));
            found.before.extend(track.steady.iter().any(|at| kept.values[*at].is_some()).then(node));
            found.now.extend(last.is_some_and(|at| kept.values[*at].is_some()).then(node));
        }
    }
    if found.ever.is_empty() {
        found.why = Some(why_nothing(selector, recording));
    }
    found
}

/// Why a selector finds nothing, by what was recorded.
fn why_nothing(selector: &Selector, recording: &Recording) -> String {
    let named: Vec<(&Scraped, &Kept)> = recording.series().filter(|(_, kept)| selector.names(&kept.name)).collect();
    if named.is_empty() {
        return format!("nothing named {} was recorded", selector.name.as_deref().unwrap_or(&selector.text));
    }
    let own = selector.matchers.iter().filter(|matcher| matcher.label != "__name__");
    let none = own.filter(|matcher| !named.iter().any(|(_, kept)| matcher.meets(&kept.labels)));
    let told: Vec<_> = none
        .map(|matcher| {
            let values: BTreeSet<_> = named.iter().filter_map(|(_, kept)| kept.labels.get(&matcher.label)).collect();
            let more = if values.len() > NAMED { ", …" } else { "" };
            let values: Vec<_> =
                values.into_iter().take(NAMED).map(|value| format!("{}={value}", matcher.label)).collect();
            let recorded = if values.is_empty() { format!("no label {}", matcher.label) } else { values.join(", ") };
            format!("matcher {matcher} matches none; recorded: {recorded}{more}")
        })
        .collect();
    match told[..] {
        [] => format!("{} matches none: no series meets all of its matchers", selector.text),
        _ => format!("{}: {}", selector.name.as_deref().unwrap_or("the selector"), told.join("; ")),
    }
}
