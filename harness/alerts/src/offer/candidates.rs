//! What tells a broken system from a healthy one, found by looking: values that were never seen
//! while all was well.

use std::collections::{BTreeMap, BTreeSet};

use reenact_core::metrics::Kind;

use crate::{
    axis::{Parts, Track},
    recording::{Kept, Recording, Scraped},
};

/// A condition that holds while it is broken, and not before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// In how many look-alikes it holds at some moment.
    holds_in: usize,
    /// Simpler ones first.
    rank: usize,
    expr: String,
    wait: &'static str,
}

/// The series of one name that are the same thing on other nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: String,
    labels: BTreeMap<String, String>,
    /// The instance's port, where one name is of many.
    port: Option<String>,
}

/// How a value is when it is broken.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    Below(f64),
    Above(f64),
}

impl Sign {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Below(limit) => value < limit,
            Self::Above(limit) => value > limit,
        }
    }
}

impl Candidate {
    /// The rule, as it stands in a file.
    pub(super) fn text(&self, scenario: &str) -> String {
        let (_, name) = scenario.split_once("::").unwrap_or(("", scenario));
        let words = name.split('_').map(|word| {
            let (head, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            head.to_uppercase() + rest
        });
        let expr = self.expr.replace('\'', "''");
        format!("  - alert: {}\n    expr: '{expr}'\n    for: {}\n", words.collect::<String>(), self.wait)
    }
}

/// The conditions, the most telling first.
pub(super) fn candidates(incident: &Recording, twins: &[Recording]) -> Vec<Candidate> {
    let mut all = Vec::new();
    let twins: Vec<_> = twins.iter().filter(|twin| twin.head.system == incident.head.system).collect();
    for (key, series) in grouped(incident) {
        let parts = Parts::of(incident);
        all.extend(of_key(&key, &series, &parts, &twins));
    }
    all.sort();
    all
}

fn of_key(key: &Key, series: &[(&Scraped, &Kept)], parts: &Parts, twins: &[&Recording]) -> Vec<Candidate> {
    let looks: Vec<Look> = series.iter().map(|(scraped, kept)| Look::of(scraped, kept, parts)).collect();
    let steady: Vec<f64> = looks.iter().flat_map(|look| look.steady.iter().copied()).collect();
    let selector = key.selector();
    let mut found = Vec::new();
    let mut add = |rank: usize, expr: String, holds: &dyn Fn(&[Vec<f64>]) -> bool| {
        let holds_in = twins.iter().filter(|twin| holds_at_some_moment(twin, key, holds)).count();
        found.extend(["1m", "5m"].map(|wait| Candidate { holds_in, rank, expr: expr.clone(), wait }));
    };
    if !steady.is_empty() && looks.iter().all(|look| look.is_lost) {
        add(3, format!("absent({selector})"), &|values| values.iter().all(Vec::is_empty));
        return found;
    }
    let (least, most) = steady.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    for sign in [Sign::Below(least), Sign::Above(most)].into_iter().filter(|_| least.is_finite() && most.is_finite()) {
        let broken = looks.iter().filter(|look| !look.held.is_empty() && look.held.iter().all(|v| sign.holds(*v)));
        let (broken, there) = (broken.count(), looks.iter().filter(|look| !look.held.is_empty()).count());
        let (word, limit, worst) = match sign {
            Sign::Below(limit) => ("<", limit, "max"),
            Sign::Above(limit) => (">", limit, "min"),
        };
        if broken > 0 {
            let any = move |values: &[Vec<f64>]| values.iter().flatten().any(|value| sign.holds(*value));
            add(0, format!("{selector} {word} {limit}"), &any);
        }
        if broken > 1 && broken == there {
            let every = move |values: &[Vec<f64>]| {
                let all: Vec<_> = values.iter().flatten().collect();
                !all.is_empty() && all.iter().all(|value| sign.holds(**value))
            };
            add(1, format!("{worst}({selector}) {word} {limit}"), &every);
        }
    }
    found
}

impl Key {
    fn of(scraped: &Scraped, kept: &Kept) -> Self {
        let target = &scraped.target;
        let port = (target.job == "blackbox").then(|| target.instance.rsplit(':').next().map(str::to_owned)).flatten();
        let mut labels = kept.labels.clone();
        labels.remove("instance");
        Self { name: kept.name.clone(), labels, port }
    }

    fn selector(&self) -> String {
        let mut matchers: Vec<_> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        matchers.extend(self.port.as_ref().map(|port| format!("instance=~\".+:{port}\"")));
        format!("{}{{{}}}", self.name, matchers.join(","))
    }
}

/// What a series was in each part.
struct Look {
    steady: Vec<f64>,
    held: Vec<f64>,
    is_lost: bool,
}

impl Look {
    fn of(scraped: &Scraped, kept: &Kept, parts: &Parts) -> Self {
        let track = Track::of(scraped, parts);
        let values = |part: &[usize]| part.iter().filter_map(|at| kept.values[*at]).collect::<Vec<_>>();
        let (steady, held) = (values(&track.steady), values(&track.held));
        Self { is_lost: !steady.is_empty() && held.is_empty() && !track.held.is_empty(), steady, held }
    }
}

/// The gauges of a recording, by what they are; what tells of exporters and not of the system is
/// left out.
fn grouped(recording: &Recording) -> BTreeMap<Key, Vec<(&Scraped, &Kept)>> {
    let mut all: BTreeMap<Key, Vec<_>> = BTreeMap::new();
    for (scraped, kept) in recording.series() {
        let is_of_exporter = ["go_", "process_", "promhttp_", "scrape_", "probe_duration", "mysql_exporter"];
        let is_moment = kept.values.iter().flatten().any(|value| value.abs() > 1e9);
        let is_left_out = is_of_exporter.iter().any(|head| kept.name.starts_with(head)) || is_moment;
        if kept.kind != Kind::Counter && !is_left_out {
            all.entry(Key::of(scraped, kept)).or_default().push((scraped, kept));
        }
    }
    all
}

/// Whether a condition on the values of all series of a key holds at any scrape after the onset.
fn holds_at_some_moment(twin: &Recording, key: &Key, holds: &dyn Fn(&[Vec<f64>]) -> bool) -> bool {
    let parts = Parts::of(twin);
    let series: Vec<_> = twin.series().filter(|(scraped, kept)| Key::of(scraped, kept) == *key).collect();
    let times: BTreeSet<u64> = series.iter().flat_map(|(scraped, _)| scraped.scrapes.iter().map(|seen| seen.at)).collect();
    times.into_iter().filter(|at| *at >= parts.onset && *at < parts.over.max(parts.onset + 1)).any(|at| {
        let value = |(scraped, kept): &(&Scraped, &Kept)| {
            let passed = scraped.scrapes.partition_point(|seen| seen.at <= at);
            passed.checked_sub(1).and_then(|last| kept.values[last]).into_iter().collect::<Vec<_>>()
        };
        holds(&series.iter().map(value).collect::<Vec<_>>())
    })
}
