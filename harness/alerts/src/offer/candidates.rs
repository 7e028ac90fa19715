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
    length: usize,
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

/// Labels that tell one thing of production from another: a rule with them is of this lab alone.
const OF_THE_LAB: [&str; 5] = ["_id", "_ip", "_uuid", "_index", "pid"];

/// The largest value that is taken for a state.
const STATES: f64 = 1000.0;
/// So many hexadecimal digits are an id.
const ID: usize = 12;

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
    let (groups, parts) = (grouped(incident), Parts::of(incident));
    for (key, series) in &groups {
        let selector = selector(key, &groups);
        all.extend(of_key(key, &selector, series, &parts, &twins));
    }
    all.extend(closed_beside_open(&groups, &parts, &twins));
    all.sort();
    all.dedup_by(|a, b| a.expr == b.expr);
    all
}

/// A probe of one port fails on every node, while one of another port succeeds on every node: what
/// is up refuses its clients.
fn closed_beside_open(groups: &Groups<'_>, parts: &Parts, twins: &[&Recording]) -> Vec<Candidate> {
    let probes = || groups.iter().filter(|(key, _)| key.name == "probe_success" && key.port.is_some());
    let all = |series: &[(&Scraped, &Kept)], value: f64| {
        let mut looks = series.iter().map(|(scraped, kept)| Look::of(scraped, kept, parts));
        looks.all(|look| !look.held.is_empty() && look.held.iter().all(|held| *held == value))
    };
    let mut found = Vec::new();
    for (closed, _) in probes().filter(|(_, series)| all(series, 0.0)) {
        for (open, _) in probes().filter(|(_, series)| all(series, 1.0)) {
            let expr = (selector(closed, groups), selector(open, groups));
            let expr = format!("max({}) == 0 and on() min({}) == 1", expr.0, expr.1);
            let every = |values: &[Vec<f64>]| !values.is_empty() && values.iter().flatten().all(|value| *value == 0.0);
            let holds_in = twins.iter().filter(|twin| holds_at_some_moment(twin, closed, &every)).count();
            found.push(Candidate { holds_in, rank: 0, length: expr.len(), expr, wait: waits(holds_in) });
        }
    }
    found
}

/// How long a rule waits: longer, where a look-alike meets its condition for a moment.
fn waits(holds_in: usize) -> &'static str {
    if holds_in == 0 { "1m" } else { "5m" }
}

fn of_key(
    key: &Key,
    selector: &str,
    series: &[(&Scraped, &Kept)],
    parts: &Parts,
    twins: &[&Recording],
) -> Vec<Candidate> {
    let looks: Vec<Look> = series.iter().map(|(scraped, kept)| Look::of(scraped, kept, parts)).collect();
    let steady: Vec<f64> = looks.iter().flat_map(|look| look.steady.iter().copied()).collect();
    let mut found = Vec::new();
    let mut add = |rank: usize, expr: String, holds: &dyn Fn(&[Vec<f64>]) -> bool| {
        let holds_in = twins.iter().filter(|twin| holds_at_some_moment(twin, key, holds)).count();
        found.push(Candidate { holds_in, rank, length: expr.len(), expr, wait: waits(holds_in) });
    };
    if !steady.is_empty() && looks.iter().all(|look| look.is_lost) {
        add(3, format!("absent({selector})"), &|values| values.iter().all(Vec::is_empty));
        return found;
    }
    let (least, most) = steady.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    // What is the same all the time, and a small whole number, is a state; all else is a measure,
    // which varies by chance.
    let is_state = least == most && least.fract() == 0.0 && least.abs() <= STATES;
    for sign in [Sign::Below(least), Sign::Above(most)].into_iter().filter(|_| is_state) {
        let broken = looks.iter().filter(|look| !look.held.is_empty() && look.held.iter().all(|v| sign.holds(*v)));
        let (broken, there) = (broken.count(), looks.iter().filter(|look| !look.held.is_empty()).count());
        let (word, limit, worst) = match sign {
            Sign::Below(limit) => ("<", limit, "max"),
            Sign::Above(limit) => (">", limit, "min"),
        };
        if broken > 0 {
            let any = move |values: &[Vec<f64>]| values.iter().flatten().any(|value| sign.holds(*value));
            add(2, format!("{selector} {word} {limit}"), &any);
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
}

/// The series of a recording, by what they are.
type Groups<'r> = BTreeMap<Key, Vec<(&'r Scraped, &'r Kept)>>;

/// What selects these series: their job, and those labels by which others of their name differ.
fn selector(key: &Key, groups: &Groups<'_>) -> String {
    let named = || groups.keys().filter(|other| other.name == key.name);
    let tells = |name: &str, value: &str| {
        name == "job" || named().any(|other| other.labels.get(name).is_none_or(|theirs| theirs != value))
    };
    let labels = key.labels.iter().filter(|(name, value)| tells(name, value));
    let mut matchers: Vec<_> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
    matchers.extend(key.port.as_ref().map(|port| format!("instance=~\".+:{port}\"")));
    format!("{}{{{}}}", key.name, matchers.join(","))
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
fn grouped(recording: &Recording) -> Groups<'_> {
    let mut all = Groups::new();
    for (scraped, kept) in recording.series() {
        let is_of_exporter = ["go_", "process_", "promhttp_", "scrape_", "probe_duration", "mysql_exporter"];
        let is_moment = kept.values.iter().flatten().any(|value| value.abs() > 1e9);
        let is_id = |value: &String| value.len() >= ID && value.chars().all(|letter| letter.is_ascii_hexdigit());
        let is_of_lab =
            |(name, value): (&String, &String)| OF_THE_LAB.iter().any(|end| name.ends_with(end)) || is_id(value);
        let is_left_out = is_of_exporter.iter().any(|head| kept.name.starts_with(head))
            || kept.name.contains("_runtime_")
            || is_moment
            || kept.labels.iter().any(is_of_lab);
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
    let times: BTreeSet<u64> =
        series.iter().flat_map(|(scraped, _)| scraped.scrapes.iter().map(|seen| seen.at)).collect();
    times.into_iter().filter(|at| *at >= parts.onset && *at < parts.over.max(parts.onset + 1)).any(|at| {
        let value = |(scraped, kept): &(&Scraped, &Kept)| {
            let passed = scraped.scrapes.partition_point(|seen| seen.at <= at);
            passed.checked_sub(1).and_then(|last| kept.values[last]).into_iter().collect::<Vec<_>>()
        };
        holds(&series.iter().map(value).collect::<Vec<_>>())
    })
}
