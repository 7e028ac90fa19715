//! What promtool is asked: each recording's rules in few files, those together that wait about as
//! long, so that the quick ones need not be evaluated over hours.

mod queries;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use reenact_core::{Error, Result};
use serde_json::{Value, json};

use crate::{
    axis::{self, Axis, Drawn, Parts},
    duration,
    promql::Selector,
    promtool::Said,
    recording::{Kept, Recording},
    rules::Rules,
    score::Options,
};

/// Rules that need up to so long are evaluated together, in milliseconds.
const CLASSES: [u64; 7] = [150_000, 360_000, 720_000, 1_320_000, 2_400_000, 4_500_000, u64::MAX];
/// How much longer than a rule needs it is looked at, and how many evaluations at the least.
const MARGIN_MS: u64 = 120_000;
const MARGIN: u64 = 3;

/// What is asked of a rule: how long an extension it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) rule: usize,
    /// Before the onset.
    healthy_ms: u64,
    /// After what was recorded.
    needs_ms: u64,
    way: Way,
}

/// How promtool is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// By one query over all the time of each alert's expression, which is parsed and looked up once
    /// and not at each evaluation. It tells whether the expression is ever true, and cannot be had
    /// where other rules record what it reads.
    Expressions,
    /// By evaluating the rules.
    Rules,
}

impl Asked {
    /// Whether its condition is ever true: for as long as it looks back.
    pub(crate) fn whether(rules: &Rules, rule: usize) -> Self {
        let reach = rules.reaches_ms(rule);
        let way = if rules.recorded_for(rule).is_empty() { Way::Expressions } else { Way::Rules };
        Self { rule, healthy_ms: reach, needs_ms: reach, way }
    }

    /// Whether the answer says when it fires, where it fires at once.
    pub(crate) fn is_of_rules(&self) -> bool {
        self.way == Way::Rules
    }

    /// Whether it fires, where its condition is true for some time: for as long as it waits as well.
    pub(crate) fn when(rules: &Rules, rule: usize, is_true_while_steady: bool) -> Self {
        let (reach, needs) = (rules.reaches_ms(rule), rules.needs_ms(rule));
        Self { rule, healthy_ms: if is_true_while_steady { needs } else { reach }, needs_ms: needs, way: Way::Rules }
    }
}

/// Rules that are evaluated together over extensions of one recording.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) alerts: Vec<usize>,
    /// From one evaluation to the next.
    pub(crate) eval_ms: u64,
    /// The most that any of the rules needs, before the onset and after what was recorded.
    healthy_ms: u64,
    needs_ms: u64,
    /// Nothing that its rules read changes in the recording: they are true all the time or never,
    /// however the scrapes fall.
    is_still: bool,
    way: Way,
}

/// What became of a rule over one extension, in seconds of production after the onset.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) is_true_while_steady: bool,
    pub(crate) fires_while_steady: bool,
    /// From its first to its last moment.
    pub(crate) pending: Option<(f64, f64)>,
    pub(crate) firing: Option<(f64, f64)>,
    /// For how long it was pending, in all.
    pub(crate) pending_s: f64,
}

impl Seen {
    /// Whether its condition is true at any time.
    pub(crate) fn is_ever_true(&self) -> bool {
        self.is_true_while_steady || self.pending.is_some() || self.firing.is_some()
    }
}

impl Batch {
    /// Sorts rules by what they need and by how often they are evaluated.
    pub(crate) fn all(rules: &Rules, asked: &[Asked], recording: &Recording, options: &Options) -> Vec<Self> {
        let mut by_class: BTreeMap<_, Self> = BTreeMap::new();
        let still = recording.still();
        let class = |ms: u64| CLASSES.iter().position(|most| ms <= *most).unwrap_or_default();
        for &Asked { rule, healthy_ms, needs_ms, way } in asked {
            let eval_ms = rules.group_of(rule).and_then(|group| group.interval_ms).unwrap_or(options.interval_ms);
            let is_still = is_still(rules, rule, &still);
            let empty = Self { alerts: Vec::new(), eval_ms, healthy_ms: 0, needs_ms: 0, is_still, way };
            let batch = by_class.entry((eval_ms, class(healthy_ms), class(needs_ms), is_still, way)).or_insert(empty);
            batch.alerts.push(rule);
            batch.healthy_ms = batch.healthy_ms.max(healthy_ms);
            batch.needs_ms = batch.needs_ms.max(needs_ms);
        }
        by_class.into_values().collect()
    }

    /// All of them together.
    pub(crate) fn whole(rules: &Rules, alerts: &[usize], options: &Options) -> Self {
        let needs_ms = alerts.iter().map(|at| rules.needs_ms(*at)).max().unwrap_or_default();
        let (alerts, eval_ms) = (alerts.to_vec(), options.interval_ms);
        Self { alerts, eval_ms, healthy_ms: needs_ms, needs_ms, is_still: false, way: Way::Rules }
    }

    /// How many alignments of the scrapes are tried.
    fn seeds(&self, options: &Options) -> u64 {
        if self.is_still { 1 } else { options.seeds }
    }

    /// The extension for one seed.
    pub(crate) fn axis(&self, parts: Parts, options: &Options, seed: u64) -> Axis {
        let interval_ms = options.interval_ms;
        let steps = |ms: u64| usize::try_from(ms.div_ceil(interval_ms)).unwrap_or(usize::MAX);
        let recorded = parts.production_ms(parts.over.saturating_sub(parts.onset));
        let goes_on = parts.lasts || parts.returns;
        let margin = MARGIN_MS.max(MARGIN * self.eval_ms);
        let after = if self.is_still {
            2 * self.eval_ms.max(interval_ms)
        } else if goes_on {
            recorded + self.needs_ms + margin
        } else {
            recorded
        };
        let spread_ms = interval_ms.max(self.eval_ms);
        Axis {
            parts,
            interval_ms,
            spread_ms,
            // Whether it is true while all is healthy is told by one alignment.
            before: steps(self.healthy_ms + if seed == 0 { margin } else { spread_ms }),
            after: steps(after).max(1),
            seed,
            seeds: options.seeds,
        }
    }

    /// The rules as promtool reads them, without what makes no difference to when they fire.
    fn rules(&self, rules: &Rules, recording: &Recording) -> Value {
        let wanted: BTreeSet<usize> =
            self.alerts.iter().flat_map(|at| rules.recorded_for(*at).into_iter().chain([*at])).collect();
        let names = recording.series().flat_map(|(_, kept)| kept.labels.keys().map(String::as_str)).collect();
        let all: Vec<_> = wanted.into_iter().map(|at| rule(rules, at, &names)).collect();
        json!({ "groups": [{ "name": "all", "rules": all }] })
    }

    /// The series that its rules read, and no others.
    pub(crate) fn series(&self, rules: &Rules, recording: &Recording, axis: &Axis) -> Vec<Drawn> {
        let through = |at: &usize| rules.recorded_for(*at).into_iter().chain([*at]).collect::<Vec<_>>();
        let reads: Vec<_> = self.alerts.iter().flat_map(through).map(|at| &rules.rules[at].reads).collect();
        let reads: Vec<_> = reads.into_iter().map(|reads| (reads, reads.ignores_flat())).collect();
        let is_wanted = |kept: &Kept| {
            let mut selecting = reads
                .iter()
                .filter(|(reads, _)| reads.selectors.iter().any(|selector| selector.selects(&kept.name, &kept.labels)));
            selecting.any(|(_, ignores_flat)| !ignores_flat || !kept.is_flat())
        };
        axis::drawn(recording, axis, &rules.counters(), is_wanted)
    }

    /// The test of one extension: queries that are made to fail, so that promtool tells what it
    /// got.
    fn test(&self, rules: &Rules, recording: &Recording, axis: &Axis, id: &str) -> Value {
        let series = self.series(rules, recording, axis);
        let series: Vec<_> =
            series.into_iter().map(|drawn| json!({ "series": drawn.series, "values": drawn.values })).collect();
        json!({
            "interval": duration::written(axis.interval_ms),
            "input_series": series,
            "promql_expr_test": self.queries(rules, axis, id),
        })
    }
}

/// Whether nothing that a rule reads changes, and it does not ask for the time.
fn is_still(rules: &Rules, number: usize, still: &[(&Kept, bool)]) -> bool {
    let through = rules.recorded_for(number).into_iter().chain([number]);
    let mut reads = through.map(|at| &rules.rules[at].reads);
    reads.all(|reads| {
        let is_moving = |selector: &Selector| {
            selector.name.is_none()
                || still.iter().any(|(kept, still)| !still && selector.selects(&kept.name, &kept.labels))
        };
        !reads.words.contains("time") && !reads.words.contains("timestamp") && !reads.selectors.iter().any(is_moving)
    })
}

/// A rule; alerts are named by their numbers, since two may have one name. A label of its own makes
/// no difference to when it fires, but where it is made of what was found, or takes the place of one
/// that tells series apart; to fill it in anew for each alert took a fifth of the time where it was tried.
fn rule(rules: &Rules, at: usize, recorded: &BTreeSet<&str>) -> Value {
    let rule = &rules.rules[at];
    if rule.is_recording {
        return json!({ "record": rule.alert.name, "expr": rule.alert.expr, "labels": rule.labels });
    }
    let matters = |(name, value): &(&String, &String)| value.contains("{{") || recorded.contains(name.as_str());
    let labels: BTreeMap<_, _> = rule.labels.iter().filter(matters).collect();
    let mut value = json!({ "alert": at.to_string(), "expr": rule.alert.expr, "labels": labels });
    value["for"] = duration::written(rule.alert.for_ms).into();
    // Older versions of Prometheus do not know it.
    if rule.keep_firing_ms > 0 {
        value["keep_firing_for"] = duration::written(rule.keep_firing_ms).into();
    }
    value
}

/// Test files for promtool, in a folder; they hold every batch and every seed.
pub(crate) fn written(
    folder: &Path,
    rules: &Rules,
    recording: &Recording,
    batches: &[Batch],
    options: &Options,
) -> Result<Vec<PathBuf>> {
    let parts = Parts::of(recording);
    let keep = |name: String, value: &Value| {
        let path = folder.join(name);
        fs::write(&path, value.to_string()).map_err(Error::file("write", &path))?;
        Ok::<_, Error>(path)
    };
    let mut files = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let rule_files = match batch.way {
            Way::Rules => vec![keep(format!("rules-{number}.json"), &batch.rules(rules, recording))?],
            Way::Expressions => Vec::new(),
        };
        let test = |seed| batch.test(rules, recording, &batch.axis(parts, options, seed), &format!("{number}/{seed}"));
        let tests = json!({
            "rule_files": rule_files,
            "evaluation_interval": duration::written(batch.eval_ms),
            "tests": (0..batch.seeds(options)).map(test).collect::<Vec<_>>(),
        });
        files.push(keep(format!("tests-{number}.json"), &tests)?);
    }
    Ok(files)
}

/// What each rule did, seed by seed.
pub(crate) fn seen(
    said: &Said,
    recording: &Recording,
    batches: &[Batch],
    options: &Options,
) -> BTreeMap<usize, Vec<Seen>> {
    let parts = Parts::of(recording);
    let mut all: BTreeMap<usize, Vec<Seen>> = BTreeMap::new();
    for (number, batch) in batches.iter().enumerate() {
        for seed in 0..batch.seeds(options) {
            let onset_s = batch.axis(parts, options, seed).onset_clock() as f64 / 1e3;
            for at in &batch.alerts {
                all.entry(*at).or_default().push(batch.answer(said, &format!("{number}/{seed}"), *at, onset_s));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_that_change_something_are_kept() {
        let text = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up == 0, labels: {severity: page, instance: all, \
                    of: '{{ $labels.job }}'}}\n  - {record: r, expr: up, labels: {severity: page}}\n";
        let rules = crate::testing::rules(text);
        let labels = |at| rule(&rules, at, &BTreeSet::from(["instance", "job"]))["labels"].clone();
        assert_eq!(labels(0), json!({ "instance": "all", "of": "{{ $labels.job }}" }));
        assert_eq!(labels(1), json!({ "severity": "page" }), "others may read what is recorded");
    }
}
