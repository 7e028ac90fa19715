//! From what a rule did to its word.

use std::collections::BTreeMap;

use crate::{
    axis::{Parts, Track},
    duration::shown,
    explain::{Found, found},
    plan::Seen,
    recording::Recording,
    rules::Rules,
    verdict::{Row, Scored, Spell, Verdict},
};

/// Functions that ask for the time of the day or of the year.
const CALENDAR: [&str; 8] =
    ["hour", "minute", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"];
/// Functions that draw a line through hours.
const FORECASTS: [&str; 4] = ["predict_linear", "deriv", "holt_winters", "double_exponential_smoothing"];
/// The furthest that a rule may look back, and the longest that it may wait, in milliseconds.
const REACH_MS: u64 = 3_600_000;
const WAIT_MS: u64 = 7_200_000;
/// In a shorter broken phase a rate has too few scrapes to tell.
const RATE_HELD_MS: u64 = 18_000;

/// Why a rule cannot be scored against any recording.
pub(super) fn unscorable(rules: &Rules, number: usize) -> Option<String> {
    let reads = || rules.recorded_for(number).into_iter().chain([number]).map(|at| &rules.rules[at].reads);
    if reads().flat_map(|reads| &reads.selectors).any(|selector| selector.is_of_alerts()) {
        return Some("it reads the series of other alerts, each of which is scored by itself".into());
    }
    for word in reads().flat_map(|reads| &reads.words) {
        if CALENDAR.contains(&word.as_str()) {
            return Some(format!("{word}() asks for the time of the day, which a recording has not"));
        }
        if FORECASTS.contains(&word.as_str()) {
            return Some(format!("{word}() draws a line through hours, and seconds were recorded"));
        }
    }
    let reach = rules.reaches_ms(number);
    if reach > REACH_MS {
        return Some(format!("it looks back over {}; more than {} is not extended", shown(reach), shown(REACH_MS)));
    }
    let wait = rules.alert(number).for_ms;
    (wait > WAIT_MS).then(|| format!("it waits for {}; more than {} is not extended", shown(wait), shown(WAIT_MS)))
}

/// The rows of all alerts.
pub(super) fn scored(
    rules: &Rules,
    recording: &Recording,
    seen: &BTreeMap<usize, Vec<Seen>>,
    failed: &BTreeMap<usize, String>,
) -> Scored {
    let parts = Parts::of(recording);
    let row = |(number, _)| {
        let not = |reason: String| row(number, Verdict::NotScored, reason);
        if let Some(why) = unscorable(rules, number) {
            return not(why);
        }
        if let Some(why) = failed.get(&number) {
            return not(format!("Prometheus cannot evaluate it: {why}"));
        }
        let none = Vec::new();
        let case = Case { rules, recording, number, seen: seen.get(&number).unwrap_or(&none), parts };
        if recording.head.is_twin { case.look_alike() } else { case.incident() }
    };
    Scored {
        scenario: recording.head.scenario.clone(),
        is_twin: recording.head.is_twin,
        recording: Default::default(),
        onset_ms: parts.onset,
        pace: parts.pace,
        broken_s: parts.production_ms(parts.broken.saturating_sub(parts.onset)) as f64 / 1e3,
        held_s: parts.production_ms(parts.held_ms()) as f64 / 1e3,
        lasts_s: recording.lasts_s,
        rows: rules.alerts().map(row).collect(),
    }
}

fn row(rule: usize, verdict: Verdict, reason: String) -> Row {
    Row { rule, verdict, after_s: None, reason, pending: None, firing: None }
}

/// One rule in one recording.
struct Case<'c> {
    rules: &'c Rules,
    recording: &'c Recording,
    number: usize,
    /// What it did, with each seed; nothing if it names nothing that was recorded.
    seen: &'c [Seen],
    parts: Parts,
}

impl Case<'_> {
    fn row(&self, verdict: Verdict, reason: String) -> Row {
        let first = self.seen.first();
        let (pending, firing) = (first.and_then(|seen| seen.pending), first.and_then(|seen| seen.firing));
        let spell = |(from, to), is_last: bool| Spell { from, to, goes_on: is_last && self.goes_on(to) };
        Row {
            pending: pending.map(|times| spell(times, firing.is_none())),
            firing: firing.map(|times| spell(times, true)),
            ..row(self.number, verdict, reason)
        }
    }

    /// When it fires: the shortest and the longest time.
    fn after_s(&self) -> Option<[f64; 2]> {
        let times = || self.seen.iter().filter_map(|seen| Some(seen.firing?.0));
        Some([times().reduce(f64::min)?, times().reduce(f64::max)?])
    }

    /// With how many alignments it fires, and what is said where it is not with all.
    fn fires(&self) -> (usize, String) {
        let count = self.seen.iter().filter(|seen| seen.firing.is_some()).count();
        (count, format!("fires with {count} of {} alignments of the scrapes", self.seen.len()))
    }

    fn look_alike(&self) -> Row {
        if self.seen.iter().any(|seen| seen.fires_while_steady) {
            let row = self.row(Verdict::FalseAlarm, "fires before anything has happened".into());
            return Row { after_s: self.after_s(), ..row };
        }
        match self.fires() {
            (0, _) => {}
            (all, _) if all == self.seen.len() => {
                return Row { after_s: self.after_s(), ..self.row(Verdict::FalseAlarm, String::new()) };
            }
            (_, some) => return Row { after_s: self.after_s(), ..self.row(Verdict::FalseAlarm, some) },
        }
        let longest = self.seen.iter().filter(|seen| seen.pending.is_some()).map(|seen| seen.pending_s);
        match longest.reduce(f64::max) {
            None => self.row(Verdict::Silent, String::new()),
            Some(longest) => {
                let wait = shown(self.rules.alert(self.number).for_ms);
                self.row(Verdict::WouldPage, format!("if it lasted {wait}: it is true for {longest:.0}s"))
            }
        }
    }

    fn incident(&self) -> Row {
        if self.seen.iter().any(|seen| seen.fires_while_steady) {
            return self.row(Verdict::FiresWhileHealthy, "fires before anything has happened".into());
        }
        let (count, some) = self.fires();
        if count > 0 && count == self.seen.len() {
            return Row { after_s: self.after_s(), ..self.row(Verdict::Detected, self.resolves()) };
        }
        let found = found(self.rules, self.number, self.recording);
        if let Some(why) = self.no_series(&found) {
            return self.row(Verdict::NoSeries, why);
        }
        if let Some(why) = blind(&found) {
            return self.row(Verdict::Blind, why);
        }
        if let Some(why) = self.too_short() {
            return self.row(Verdict::NotScored, why);
        }
        if count > 0 {
            return self.row(Verdict::Pending, some);
        }
        let longest = self.seen.iter().filter(|seen| seen.pending.is_some()).map(|seen| seen.pending_s);
        match longest.reduce(f64::max) {
            Some(longest) => {
                let wait = shown(self.rules.alert(self.number).for_ms);
                self.row(Verdict::Pending, format!("true for {longest:.0}s; it fires after {wait}"))
            }
            None => self.row(Verdict::NeverTrue, fewer(&found)),
        }
    }

    /// Whether it stops firing although the incident goes on.
    fn resolves(&self) -> String {
        let lasts = self.recording.lasts_s.is_some_and(|lasts| lasts > 0);
        match self.seen.first().and_then(|seen| seen.firing) {
            Some((_, to)) if lasts && !self.goes_on(to) => format!("resolves after {to:.0}s, and nothing is healed"),
            _ => String::new(),
        }
    }

    /// Whether what a rule was until then goes on: the incident does, and it was shown all that the rule
    /// needs, and some more.
    fn goes_on(&self, to: f64) -> bool {
        let needs_s = self.rules.needs_ms(self.number) as f64 / 1e3;
        let recorded_s = self.parts.production_ms(self.parts.over.saturating_sub(self.parts.onset)) as f64 / 1e3;
        self.recording.lasts_s.is_some_and(|lasts| lasts > 0) && to + 60.0 >= recorded_s + needs_s
    }

    /// A selector that it cannot do without and that never found anything.
    fn no_series(&self, found: &[Found]) -> Option<String> {
        let missing: Vec<_> = found.iter().filter(|found| found.ever.is_empty() && !found.absence).collect();
        let has_alternatives = self.rules.rules[self.number].reads.has_alternatives();
        let is_needed = !missing.is_empty() && (!has_alternatives || missing.len() == found.len());
        let whys: std::collections::BTreeSet<_> = missing.iter().filter_map(|found| found.why.as_deref()).collect();
        is_needed.then(|| whys.into_iter().collect::<Vec<_>>().join("; "))
    }

    /// Why the broken phase as it was recorded says nothing of this rule.
    fn too_short(&self) -> Option<String> {
        let held = self.parts.held_ms();
        let rule = &self.rules.rules[self.number];
        if held == 0 {
            return Some("nothing was recorded of the broken state".into());
        }
        let needs = self.rules.needs_ms(self.number);
        let shown_ms = self.parts.production_ms(held);
        if self.recording.lasts_s.is_none() && needs > shown_ms {
            let (held, needs) = (shown_ms as f64 / 1e3, shown(needs));
            return Some(format!("it needs {needs}; {held:.0}s were recorded, and nothing proves that it lasts"));
        }
        if rule.reads.selectors.iter().any(|selector| selector.is_rated()) && held < RATE_HELD_MS {
            return Some(format!("the broken state was held for {:.1}s; a rate needs 20s", held as f64 / 1e3));
        }
        let reads = |name: &str, labels: &BTreeMap<String, String>| {
            let through = self.rules.recorded_for(self.number).into_iter().chain([self.number]);
            through.into_iter().any(|at| self.rules.rules[at].reads.selectors.iter().any(|s| s.selects(name, labels)))
        };
        let read =
            self.recording.targets.iter().filter(|t| t.series.iter().any(|kept| reads(&kept.name, &kept.labels)));
        let unseen: Vec<_> = read
            .filter(|scraped| Track::of(scraped, &self.parts).held.is_empty())
            .map(|scraped| scraped.target.instance.as_str())
            .collect();
        (!unseen.is_empty()).then(|| format!("no scrape of {} began and ended in the broken state", unseen.join(", ")))
    }
}

/// Selectors that found series while all was healthy, and find none now.
fn blind(found: &[Found]) -> Option<String> {
    let is_blind = |found: &&Found| !found.absence && !found.before.is_empty() && found.now.is_empty();
    let blind: Vec<_> =
        found.iter().filter(is_blind).map(|found| format!("{} on {}", found.text, found.lost().join(", "))).collect();
    (!blind.is_empty()).then(|| format!("lost {}", blind.join("; ")))
}

/// What some nodes lost.
fn fewer(found: &[Found]) -> String {
    let lost = found.iter().filter(|found| !found.lost().is_empty());
    let lost: Vec<_> = lost.map(|found| format!("{} is lost on {}", found.text, found.lost().join(", "))).collect();
    lost.join("; ")
}
