//! The queries that are made to fail, so that promtool tells what they got.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Batch, Seen, Way};
use crate::{
    axis::Axis,
    duration,
    promtool::{Said, Samples},
    rules::Rules,
};

/// The time before the onset and the time after it, as subqueries over one evaluation after another.
struct Spans {
    /// The last evaluation before the onset, in milliseconds of promtool's clock, and its subquery.
    healthy: u64,
    before: String,
    /// The last one of all.
    end: u64,
    after: String,
}

impl Spans {
    fn of(axis: &Axis, eval: u64) -> Self {
        let onset = u64::try_from(axis.onset_clock()).unwrap_or_default();
        let healthy = (onset.saturating_sub(1)) / eval * eval;
        let end = axis.steps() as u64 * axis.interval_ms / eval * eval;
        let span = |ms: u64| format!("[{}:{}]", duration::written(ms), duration::written(eval));
        let (before, after) = (span(healthy + eval / 2), span((end - healthy).saturating_sub(eval / 2)));
        Self { healthy, before, end, after }
    }
}

fn query(id: &str, expr: &str, at: u64) -> Value {
    json!({
        "expr": expr,
        "eval_time": duration::written(at),
        "exp_samples": [{ "labels": format!("{{id=\"{id}\"}}"), "value": -1 }],
    })
}

impl Batch {
    /// The queries of one extension.
    pub(super) fn queries(&self, rules: &Rules, axis: &Axis, id: &str) -> Vec<Value> {
        let Spans { healthy, before, end, after } = Spans::of(axis, self.eval_ms);
        if self.way == Way::Rules {
            let by = "by (alertname, alertstate)";
            return vec![
                query(&format!("{id}/steady"), &format!("max {by} (count_over_time(ALERTS{before}))"), healthy),
                query(&format!("{id}/first"), &format!("min {by} (min_over_time(timestamp(ALERTS){after}))"), end),
                query(&format!("{id}/last"), &format!("max {by} (max_over_time(timestamp(ALERTS){after}))"), end),
                query(
                    &format!("{id}/count"),
                    &format!("max {by} (count_over_time(ALERTS{{alertstate=\"pending\"}}{after}))"),
                    end,
                ),
            ];
        }
        let ever = |at: &usize| {
            let expr = &rules.alert(*at).expr;
            let over = |span: &str| format!("count(count_over_time((\n{expr}\n){span}))");
            [
                query(&format!("{id}/{at}/steady"), &over(&before), healthy),
                query(&format!("{id}/{at}/ever"), &over(&after), end),
            ]
        };
        // So that there is an answer where none of them can be evaluated.
        self.alerts.iter().flat_map(ever).chain([query(&format!("{id}/asked"), "vector(1)", end)]).collect()
    }

    /// What a rule did over one extension.
    pub(super) fn answer(&self, said: &Said, id: &str, rule: usize, onset_s: f64) -> Seen {
        if self.way == Way::Expressions {
            // What cannot be asked like this, such as a scalar, may be true.
            let is = |what: &str| said.got.get(&format!("{id}/{rule}/{what}")).is_none_or(|got| !got.is_empty());
            let pending = is("ever").then_some((0.0, 0.0));
            return Seen { is_true_while_steady: is("steady"), pending, ..Seen::default() };
        }
        let value = |what: &str, state: &str| of(said.got.get(&format!("{id}/{what}"))?, rule, state);
        let spell = |state: &str| Some((value("first", state)? - onset_s, value("last", state)? - onset_s));
        let fires_while_steady = value("steady", "firing").is_some();
        Seen {
            is_true_while_steady: fires_while_steady || value("steady", "pending").is_some(),
            fires_while_steady,
            pending: spell("pending"),
            firing: spell("firing"),
            pending_s: value("count", "pending").unwrap_or_default() * self.eval_ms as f64 / 1e3,
        }
    }
}

/// A rule's sample in a state.
fn of(samples: &Samples, rule: usize, state: &str) -> Option<f64> {
    let is = |labels: &BTreeMap<String, String>| {
        labels.get("alertname").is_some_and(|own| *own == rule.to_string())
            && labels.get("alertstate").is_some_and(|own| own == state)
    };
    samples.iter().find(|(labels, _)| is(labels)).map(|(_, value)| *value)
}
