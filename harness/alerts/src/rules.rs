//! Rule files: which alerts there are, where each stands, and what each needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use reenact_core::{Error, Result};
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

use crate::{duration, promql::Expression};

/// An alert of the user's.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name, which others may share.
    pub name: String,
    /// The file that it stands in.
    pub file: PathBuf,
    /// The line that it begins at.
    pub line: usize,
    /// What must be true.
    pub expr: String,
    /// For how long, in milliseconds.
    pub for_ms: u64,
}

impl Alert {
    /// Its name, where it has one, and where it stands.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// All rules of some files.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub(crate) groups: Vec<Group>,
    pub(crate) rules: Vec<Rule>,
    /// The files, as they were named.
    pub(crate) files: Vec<PathBuf>,
}

/// A group: its rules are evaluated one after another, at one interval.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) interval_ms: Option<u64>,
    /// Which of the rules are its own.
    pub(crate) rules: std::ops::Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) alert: Alert,
    /// Makes a series of its name, and alerts nobody.
    pub(crate) is_recording: bool,
    pub(crate) keep_firing_ms: u64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) reads: Expression,
}

impl Rules {
    /// Reads rule files that promtool has found right.
    ///
    /// # Errors
    /// [`Error::File`] if one cannot be read; [`Error::Usage`] with file and line if it is no
    /// list of groups.
    pub fn read(files: &[PathBuf]) -> Result<Self> {
        let mut all = Self { files: files.to_vec(), ..Self::default() };
        for file in files {
            let text = fs::read_to_string(file).map_err(Error::file("read", file))?;
            all.add(file, &text)?;
        }
        Ok(all)
    }

    /// Adds what stands in a file's text.
    pub(crate) fn add(&mut self, file: &Path, text: &str) -> Result<()> {
        let wrong = |line: usize, what: &str| {
            Error::usage(format!("{}:{line}: {what}", file.display()), "see `promtool check rules`")
        };
        let documents =
            MarkedYaml::load_from_str(text).map_err(|error| wrong(error.marker().line(), &error.to_string()))?;
        for group in documents.iter().filter_map(|document| list(document, "groups")).flatten() {
            let begin = self.rules.len();
            for rule in list(group, "rules").into_iter().flatten() {
                self.rules.push(Rule::of(file, rule).ok_or_else(|| wrong(rule.span.start.line(), "no rule"))?);
            }
            self.groups.push(Group {
                interval_ms: field(group, "interval").and_then(|text| duration::parse(&text)),
                rules: begin..self.rules.len(),
            });
        }
        Ok(())
    }

    /// The alerts, each with its number among all rules.
    pub fn alerts(&self) -> impl Iterator<Item = (usize, &Alert)> {
        let all = self.rules.iter().enumerate();
        all.filter(|(_, rule)| !rule.is_recording).map(|(number, rule)| (number, &rule.alert))
    }

    /// The alert of this number.
    pub fn alert(&self, number: usize) -> &Alert {
        &self.rules[number].alert
    }

    pub(crate) fn group_of(&self, number: usize) -> Option<&Group> {
        self.groups.iter().find(|group| group.rules.contains(&number))
    }

    /// The recording rules whose series the rule reads, and those that these read, the first needed
    /// first.
    pub(crate) fn recorded_for(&self, number: usize) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut open = vec![number];
        while let Some(at) = open.pop() {
            let selectors = &self.rules[at].reads.selectors;
            let makes = |rule: &Rule| rule.is_recording && selectors.iter().any(|s| s.names(&rule.alert.name));
            for other in (0..self.rules.len()).filter(|other| makes(&self.rules[*other])) {
                if needed.insert(other) {
                    open.push(other);
                }
            }
        }
        needed
    }

    /// For how long a rule must be true, and how far back it looks, with what it reads of
    /// recording rules.
    pub(crate) fn needs_ms(&self, number: usize) -> u64 {
        let rule = &self.rules[number];
        rule.alert.for_ms + self.reaches_ms(number)
    }

    /// Metrics whose rate some rule takes: counters, where the exporter declares nothing.
    pub(crate) fn counters(&self) -> BTreeSet<String> {
        let selectors = self.rules.iter().flat_map(|rule| &rule.reads.selectors);
        selectors.filter(|selector| selector.is_rated()).filter_map(|selector| selector.name.clone()).collect()
    }

    pub(crate) fn reaches_ms(&self, number: usize) -> u64 {
        let through: u64 = self.recorded_for(number).iter().map(|at| self.rules[*at].reads.reaches_ms()).sum();
        self.rules[number].reads.reaches_ms() + through
    }
}

impl Rule {
    fn of(file: &Path, node: &MarkedYaml<'_>) -> Option<Self> {
        let record = field(node, "record");
        let is_recording = record.is_some();
        let time = |name| field(node, name).and_then(|text| duration::parse(&text)).unwrap_or_default();
        let expr = field(node, "expr")?;
        let alert = Alert {
            name: record.or_else(|| field(node, "alert"))?,
            file: file.to_owned(),
            line: node.span.start.line(),
            for_ms: time("for"),
            expr: expr.clone(),
        };
        let labels = node.data.as_mapping_get("labels").and_then(|labels| labels.data.as_mapping());
        let labels = labels.into_iter().flatten().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Some(Self {
            alert,
            is_recording,
            keep_firing_ms: time("keep_firing_for"),
            labels: labels.collect(),
            reads: Expression::read(&expr),
        })
    }
}

fn list<'n, 'i>(node: &'n MarkedYaml<'i>, name: &str) -> Option<&'n Vec<MarkedYaml<'i>>> {
    node.data.as_mapping_get(name).and_then(|node| node.data.as_sequence())
}

fn field(node: &MarkedYaml<'_>, name: &str) -> Option<String> {
    node.data.as_mapping_get(name).and_then(text)
}

/// A scalar as text, as Prometheus takes it where it wants one.
fn text(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::FloatingPoint(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::Boolean(is)) => Some(is.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
groups:
- name: first
  interval: 1m
  rules:
  - record: job:bad:rate5m
    expr: sum by (job) (rate(bad_total[5m]))
  - alert: Bad
    expr: |
      job:bad:rate5m > 0
    for: 5m
    keep_firing_for: 2m
    labels: {severity: 1}
- name: second
  rules:
  - {alert: Bad, expr: up == 0}
"#;

    fn rules() -> Rules {
        let mut rules = Rules::default();
        rules.add(Path::new("my.yml"), TEXT).expect("rules");
        rules
    }

    #[test]
    fn two_rules_of_one_name_are_two() {
        let rules = rules();
        let alerts: Vec<_> = rules.alerts().map(|(number, alert)| (number, alert.place())).collect();
        assert_eq!(alerts, [(1, "my.yml:8".to_owned()), (2, "my.yml:16".to_owned())]);
        assert_eq!(rules.group_of(1).expect("a group").interval_ms, Some(60_000));
        assert_eq!(rules.rules[1].keep_firing_ms, 120_000);
        assert_eq!(rules.rules[1].labels["severity"], "1");
    }

    #[test]
    fn what_a_rule_needs_reaches_through_recording_rules() {
        let rules = rules();
        assert_eq!(rules.recorded_for(1), BTreeSet::from([0]));
        assert_eq!(rules.needs_ms(1), 600_000);
        assert_eq!(rules.needs_ms(2), 0);
    }

    #[test]
    fn what_is_no_rule_is_told_with_its_line() {
        let told = |text: &str| Rules::default().add(Path::new("a.yml"), text).expect_err("no rules").to_string();
        assert!(told("groups:\n- name: a\n  rules:\n  - expr: up\n").contains("a.yml:4"), "no name");
        assert!(told("groups: [").contains("a.yml:"), "no YAML");
    }
}
