//! What a PromQL expression names: enough of the language to tell which series it looks at, how
//! far back, and inside of which functions. Whether it is right is for promtool to say.

mod lexer;

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

/// What an expression names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expression {
    pub(crate) selectors: Vec<Selector>,
    /// Its functions, aggregations and operators that are words.
    pub(crate) words: BTreeSet<String>,
    /// The letters of its operators: `>`, `/`, …
    pub(crate) operators: BTreeSet<char>,
}

/// One selector of series.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    /// The metric, unless it is given by a matcher or not at all.
    pub(crate) name: Option<String>,
    pub(crate) matchers: Vec<Matcher>,
    /// Its own range.
    pub(crate) range_ms: u64,
    /// How far back it looks in all: its range, its offset, and the subqueries around it.
    pub(crate) reaches_ms: u64,
    /// The functions around it, the innermost last.
    pub(crate) within: Vec<String>,
    /// Where it stands, as it is written.
    pub(crate) text: String,
}

/// One condition upon a label.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) value: String,
    is_negated: bool,
    /// `None`: equality.
    pattern: Option<Regex>,
    operator: &'static str,
}

impl Matcher {
    fn of(label: String, operator: &'static str, value: String) -> Option<Self> {
        let pattern = operator.contains('~').then(|| Regex::new(&format!("^(?s:{value})$")));
        let pattern = pattern.transpose().ok()?;
        Some(Self { label, value, is_negated: operator.starts_with('!'), pattern, operator })
    }

    fn holds(&self, value: &str) -> bool {
        let is_like = self.pattern.as_ref().map_or(value == self.value, |pattern| pattern.is_match(value));
        is_like != self.is_negated
    }

    /// Whether the labels meet it; a label that is not there is empty.
    pub(crate) fn meets(&self, labels: &BTreeMap<String, String>) -> bool {
        self.holds(labels.get(&self.label).map_or("", String::as_str))
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{:?}", self.label, self.operator, self.value)
    }
}

impl Selector {
    /// Whether it may select series of this metric.
    pub(crate) fn names(&self, metric: &str) -> bool {
        match &self.name {
            Some(name) => name == metric,
            None => self.matchers.iter().filter(|matcher| matcher.label == "__name__").all(|m| m.holds(metric)),
        }
    }

    /// Whether it selects a series.
    pub(crate) fn selects(&self, metric: &str, labels: &BTreeMap<String, String>) -> bool {
        let rest = self.matchers.iter().filter(|matcher| matcher.label != "__name__");
        self.names(metric) && rest.into_iter().all(|matcher| matcher.meets(labels))
    }

    /// Whether it selects what Prometheus keeps of alerts.
    pub(crate) fn is_of_alerts(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.starts_with("ALERTS"))
    }

    /// Whether its rate is taken: what it selects is then meant to be a counter.
    pub(crate) fn is_rated(&self) -> bool {
        self.within.iter().any(|function| matches!(function.as_str(), "rate" | "irate" | "increase"))
    }

    /// Whether nothing selected may make the expression true.
    pub(crate) fn is_asked_for_absence(&self) -> bool {
        self.within.iter().any(|function| function.starts_with("absent"))
    }
}

impl Expression {
    /// Reads an expression that promtool has found right. What is not understood names nothing.
    pub(crate) fn read(text: &str) -> Self {
        lexer::Lexer::new(text).expression()
    }

    /// How far back it looks.
    pub(crate) fn reaches_ms(&self) -> u64 {
        self.selectors.iter().map(|selector| selector.reaches_ms).max().unwrap_or_default()
    }

    /// Whether it may be true where nothing is recorded that it names.
    pub(crate) fn may_be_true_of_nothing(&self) -> bool {
        self.selectors.is_empty()
            || ["absent", "absent_over_time", "vector"].iter().any(|word| self.words.contains(*word))
    }

    /// Whether a counter that stands still makes no difference to it: it asks whether the rate of
    /// one metric, or one part of it by another, is above something. Of sums of rates a rate of
    /// zero is no part, and nothing by nothing is above nothing.
    pub(crate) fn ignores_flat(&self) -> bool {
        let names: BTreeSet<_> = self.selectors.iter().map(|selector| selector.name.as_deref()).collect();
        let known = ["sum", "rate", "increase", "irate", "and"];
        names.len() == 1
            && self.selectors.iter().all(|selector| selector.name.is_some() && selector.is_rated())
            && self.words.iter().all(|word| known.contains(&word.as_str()))
            && self.operators.contains(&'>')
            && self.operators.iter().all(|letter| matches!(letter, '>' | '/' | '*'))
    }

    /// Whether one selector that finds nothing leaves the others something to say.
    pub(crate) fn has_alternatives(&self) -> bool {
        ["or", "unless"].iter().any(|word| self.words.contains(*word)) || self.may_be_true_of_nothing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn metrics_are_told_from_functions_and_labels() {
        let text = "sum by (job, instance) (rate(a_total{code=~\"5..\"}[5m] offset 1h)) / on(job) group_left(x) b > 0.5 \
                    and (c == bool 1) # d\n or absent(e{job='f'})";
        let read = Expression::read(text);
        let names: Vec<_> = read.selectors.iter().filter_map(|selector| selector.name.as_deref()).collect();
        assert_eq!(names, ["a_total", "b", "c", "e"]);
        let first = &read.selectors[0];
        assert_eq!((first.range_ms, first.reaches_ms), (300_000, 3_900_000));
        assert_eq!(first.within, ["sum", "rate"]);
        assert!(first.is_rated() && !read.selectors[1].is_rated());
        assert!(read.selectors[3].is_asked_for_absence());
        assert!(read.has_alternatives());
    }

    #[test]
    fn a_subquery_reaches_further_back() {
        let read = Expression::read("max_over_time((up - on() vector(1))[1h:30s]) + avg_over_time(x[2m:])");
        assert_eq!(read.selectors[0].reaches_ms, 3_600_000);
        assert_eq!(read.selectors[1].reaches_ms, 120_000);
        assert!(Expression::read("hour() > 8").words.contains("hour"));
    }

    #[test]
    fn only_what_is_above_by_rates_of_one_metric_ignores_what_stands_still() {
        let ignores = |text: &str| Expression::read(text).ignores_flat();
        assert!(ignores(r#"100 * sum(rate(h{code=~"a|b"}[5m])) by (job) / sum(rate(h[5m])) without (x) > 5"#));
        for text in [
            "sum(rate(h[5m])) == 0",
            "sum(rate(h[5m])) < 1",
            "1 - sum(rate(h[5m])) > 0",
            "sum(rate(a[5m])) / sum(rate(h[5m])) > 1",
            "count(rate(h[5m])) > 1",
            "sum(rate(h[5m])) > -1",
            "sum(h) > 1",
            "histogram_quantile(0.9, rate(h[5m])) > 1",
            "sum(rate(h[5m])) > 1 or up",
        ] {
            assert!(!ignores(text), "{text}");
        }
    }

    #[test]
    fn matchers_are_anchored_and_a_missing_label_is_empty() {
        let read = Expression::read(r#"{__name__=~"node_.*", mountpoint!~"/boot.*", fstype!="", job="n"}"#);
        let selector = &read.selectors[0];
        let all = labels(&[("mountpoint", "/"), ("fstype", "ext4"), ("job", "n")]);
        assert!(selector.selects("node_x", &all) && !selector.selects("a_node_x", &all));
        assert!(!selector.selects("node_x", &labels(&[("mountpoint", "/"), ("job", "n")])));
        assert!(!selector.selects("node_x", &labels(&[("mountpoint", "/boot/efi"), ("fstype", "v"), ("job", "n")])));
        assert_eq!(selector.matchers[1].to_string(), r#"mountpoint!~"/boot.*""#);
    }

    #[test]
    fn a_text_is_no_selector_and_any_text_is_survived() {
        let read = Expression::read(r#"label_replace(up{a="}[5m]"}, "x", "$1", "b", "(.*)") == 0"#);
        assert_eq!(read.selectors.len(), 1);
        assert_eq!(read.selectors[0].range_ms, 0);
        for text in ["", "{", "up{", "up{a=", "up{a=\"", "up[", "up[5m", ")", "(((", "é", "\"", "a offset"] {
            Expression::read(text);
        }
    }
}
