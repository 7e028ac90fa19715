//! What promtool is asked: each recording's rules in few files, those together that wait about as
//! long, so that the quick ones need not be evaluated over hours.

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
    promtool::{Said, Samples},
    recording::{Kept, Recording},
    rules::Rules,
    score::Options,
};

/// The label by which alerts are told from each other: two may have one name.
const LABEL: &str = "reenact_rule";
/// Rules that wait up to so long are evaluated together, in milliseconds.
const CLASSES: [u64; 6] = [360_000, 720_000, 1_320_000, 2_400_000, 4_500_000, u64::MAX];
/// How much longer than a rule needs it is looked at.
const MARGIN_MS: u64 = 120_000;
/// For how long all is healthy before the onset, at the least.
const HEALTHY_MS: u64 = 300_000;

/// Rules that are evaluated together over extensions of one recording.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) alerts: Vec<usize>,
    /// From one evaluation to the next.
    pub(crate) eval_ms: u64,
    /// What the rule that waits longest needs.
    needs_ms: u64,
    /// Nothing that its rules read changes in the recording: they are true all the time or never,
    /// however the scrapes fall.
    is_still: bool,
}

/// What became of a rule over one extension, in seconds of production after the onset.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) fires_while_steady: bool,
    /// From its first to its last moment.
    pub(crate) pending: Option<(f64, f64)>,
    pub(crate) firing: Option<(f64, f64)>,
    /// For how long it was pending, in all.
    pub(crate) pending_s: f64,
}

impl Batch {
    /// Sorts rules by how long they wait and by how often they are evaluated.
    pub(crate) fn all(rules: &Rules, alerts: &[usize], recording: &Recording, options: &Options) -> Vec<Self> {
        let mut by_class: BTreeMap<(u64, usize, bool), Self> = BTreeMap::new();
        let still = recording.still();
        for &number in alerts {
            let needs_ms = rules.needs_ms(number);
            let eval_ms = rules.group_of(number).and_then(|group| group.interval_ms).unwrap_or(options.interval_ms);
            let class = CLASSES.iter().position(|most| needs_ms <= *most).unwrap_or_default();
            let is_still = is_still(rules, number, &still);
            let empty = Self { alerts: Vec::new(), eval_ms, needs_ms: 0, is_still };
            let batch = by_class.entry((eval_ms, class, is_still)).or_insert(empty);
            batch.alerts.push(number);
            batch.needs_ms = batch.needs_ms.max(needs_ms);
        }
        by_class.into_values().collect()
    }

    /// All of them together.
    pub(crate) fn whole(rules: &Rules, alerts: &[usize], options: &Options) -> Self {
        let needs_ms = alerts.iter().map(|at| rules.needs_ms(*at)).max().unwrap_or_default();
        Self { alerts: alerts.to_vec(), eval_ms: options.interval_ms, needs_ms, is_still: false }
    }

    /// How many alignments of the scrapes are tried.
    fn seeds(&self, options: &Options) -> u64 {
        if self.is_still { 1 } else { options.seeds }
    }

    /// The extension for one seed.
    pub(crate) fn axis(&self, parts: Parts, options: &Options, seed: u64) -> Axis {
        let interval_ms = options.interval_ms;
        let steps = |ms: u64| usize::try_from(ms.div_ceil(interval_ms)).unwrap_or(usize::MAX);
        let recorded = parts.over.saturating_sub(parts.onset);
        let goes_on = parts.lasts || parts.returns;
        let after = if self.is_still {
            2 * self.eval_ms.max(interval_ms)
        } else if goes_on {
            recorded + self.needs_ms + MARGIN_MS
        } else {
            recorded
        };
        let spread_ms = interval_ms.max(self.eval_ms);
        Axis {
            parts,
            interval_ms,
            spread_ms,
            before: steps((self.needs_ms + MARGIN_MS).max(if self.is_still { 0 } else { HEALTHY_MS })),
            after: steps(after).max(1),
            seed,
            seeds: options.seeds,
        }
    }

    /// The rules as promtool reads them, without what makes no difference to when they fire.
    pub(crate) fn rules(&self, rules: &Rules) -> Value {
        let wanted: BTreeSet<usize> =
            self.alerts.iter().flat_map(|at| rules.recorded_for(*at).into_iter().chain([*at])).collect();
        let groups = rules.groups.iter().enumerate().filter_map(|(number, group)| {
            let own: Vec<_> = group.rules.clone().filter(|at| wanted.contains(at)).map(|at| rule(rules, at)).collect();
            (!own.is_empty()).then(|| json!({ "name": format!("{number} {}", group.name), "rules": own }))
        });
        json!({ "groups": groups.collect::<Vec<_>>() })
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
            "promql_expr_test": self.queries(axis, id),
        })
    }

    fn queries(&self, axis: &Axis, id: &str) -> Vec<Value> {
        let eval = self.eval_ms;
        let onset = u64::try_from(axis.onset_clock()).unwrap_or_default();
        let healthy = (onset.saturating_sub(1)) / eval * eval;
        let end = axis.steps() as u64 * axis.interval_ms / eval * eval;
        let step = duration::written(eval);
        let before = format!("[{}:{step}]", duration::written(healthy + eval / 2));
        let after = format!("[{}:{step}]", duration::written((end - healthy).saturating_sub(eval / 2)));
        let by = format!("by ({LABEL}, alertstate)");
        let query = |what: &str, expr: String, at: u64| {
            json!({
                "expr": expr,
                "eval_time": duration::written(at),
                "exp_samples": [{ "labels": format!("{{id=\"{id}/{what}\"}}"), "value": -1 }],
            })
        };
        vec![
            query("steady", format!("max {by} (count_over_time(ALERTS{{alertstate=\"firing\"}}{before}))"), healthy),
            query("first", format!("min {by} (min_over_time(timestamp(ALERTS){after}))"), end),
            query("last", format!("max {by} (max_over_time(timestamp(ALERTS){after}))"), end),
            query("count", format!("max {by} (count_over_time(ALERTS{{alertstate=\"pending\"}}{after}))"), end),
        ]
    }
}

/// Whether nothing that a rule reads changes, and it does not ask for the time.
fn is_still(rules: &Rules, number: usize, still: &[(&Kept, bool)]) -> bool {
    let through = rules.recorded_for(number).into_iter().chain([number]);
    let mut reads = through.map(|at| &rules.rules[at].reads);
    reads.all(|reads| {
        let is_moving = |selector: &Selector| {
            let of_alerts = selector.name.as_deref().is_none_or(|name| name.starts_with("ALERTS"));
            of_alerts || still.iter().any(|(kept, still)| !still && selector.selects(&kept.name, &kept.labels))
        };
        !reads.words.contains("time") && !reads.words.contains("timestamp") && !reads.selectors.iter().any(is_moving)
    })
}

fn rule(rules: &Rules, at: usize) -> Value {
    let rule = &rules.rules[at];
    let mut labels = rule.labels.clone();
    if rule.is_recording {
        return json!({ "record": rule.alert.name, "expr": rule.alert.expr, "labels": labels });
    }
    labels.insert(LABEL.into(), at.to_string());
    let mut value = json!({ "alert": rule.alert.name, "expr": rule.alert.expr, "labels": labels });
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
        let rule_file = keep(format!("rules-{number}.json"), &batch.rules(rules))?;
        let test = |seed| batch.test(rules, recording, &batch.axis(parts, options, seed), &format!("{number}/{seed}"));
        let tests = json!({
            "rule_files": [rule_file],
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
            let answer = |what: &str| said.got.get(&format!("{number}/{seed}/{what}"));
            for at in &batch.alerts {
                let value = |what: &str, state: &str| of(answer(what)?, *at, state);
                let spell = |state: &str| Some((value("first", state)? - onset_s, value("last", state)? - onset_s));
                all.entry(*at).or_default().push(Seen {
                    fires_while_steady: value("steady", "firing").is_some(),
                    pending: spell("pending"),
                    firing: spell("firing"),
                    pending_s: value("count", "pending").unwrap_or_default() * batch.eval_ms as f64 / 1e3,
                });
            }
        }
    }
    all
}

/// A rule's sample in a state.
fn of(samples: &Samples, rule: usize, state: &str) -> Option<f64> {
    let is = |labels: &BTreeMap<String, String>| {
        labels.get(LABEL).is_some_and(|own| *own == rule.to_string())
            && labels.get("alertstate").is_some_and(|own| own == state)
    };
    samples.iter().find(|(labels, _)| is(labels)).map(|(_, value)| *value)
}
