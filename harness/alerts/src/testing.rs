//! Recordings that are made up, for tests.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::{Compression, write::GzEncoder};
use reenact_core::metrics::{FORMAT, Head, Kind, Line, Phase, Recorder, Sample, Series, Target, read};

use crate::{
    Options, Promtool, Rules,
    recording::Recording,
    score,
    verdict::{Row, Scored},
};

/// A made-up run: 6 s steady, an onset of 4 s, 24 s held broken, and 5 s after.
pub(crate) struct Story {
    pub(crate) is_twin: bool,
    pub(crate) lasts: bool,
    pub(crate) steady: u64,
    pub(crate) onset: u64,
    pub(crate) held: u64,
    pub(crate) pace: f64,
}

impl Default for Story {
    fn default() -> Self {
        Self { is_twin: false, lasts: true, steady: 6, onset: 4, held: 24, pace: 1.0 }
    }
}

/// Where a second of a run lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) second: u64,
    pub(crate) phase: Phase,
    /// Seconds since the onset; 0 before it.
    pub(crate) since: u64,
}

pub(crate) fn target(job: &str, node: &str) -> Target {
    Target { job: job.into(), node: node.into(), instance: format!("{node}:9") }
}

pub(crate) fn sample(name: &str, kind: Kind, value: f64) -> Sample {
    Sample { series: Series { name: name.into(), labels: BTreeMap::new() }.into(), kind, value }
}

pub(crate) fn gauge(name: &str, value: f64) -> Sample {
    sample(name, Kind::Gauge, value)
}

pub(crate) fn labelled(mut of: Sample, labels: &[(&str, &str)]) -> Sample {
    Arc::make_mut(&mut of.series).labels =
        labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    of
}

impl Story {
    pub(crate) fn twin() -> Self {
        Self { is_twin: true, lasts: false, ..Self::default() }
    }

    fn now(&self, second: u64) -> Now {
        let (onset, broken) = (self.steady, self.steady + self.onset);
        let phase = match second {
            second if second < onset => Phase::Steady,
            second if second < broken => Phase::Onset,
            second if second < broken + self.held => Phase::Broken,
            _ => Phase::Over,
        };
        Now { second, phase, since: second.saturating_sub(onset) }
    }

    /// What is recorded where each target answers as `answer` says, or not, in as many
    /// milliseconds.
    pub(crate) fn lines(
        &self,
        targets: &[Target],
        answer: impl Fn(&Target, Now) -> (u64, Result<Vec<Sample>, String>),
    ) -> Vec<Line> {
        let head = Head {
            format: FORMAT,
            scenario: if self.is_twin { "made::twin_up" } else { "made::up" }.into(),
            system: "made".into(),
            is_twin: self.is_twin,
            interval_ms: 1000,
            timeout_ms: 10_000,
            pace: self.pace,
        };
        let mut out = Vec::new();
        let mut recorder = Recorder::begin(&mut out, head).expect("a recorder");
        let mut phase = None;
        let mut busy: BTreeMap<Target, u64> = BTreeMap::new();
        for second in 0..self.steady + self.onset + self.held + 5 {
            let now = self.now(second);
            if phase != Some(now.phase) {
                phase = Some(now.phase);
                if now.phase == Phase::Over && self.lasts {
                    recorder.put(&Line::Lasts { production_s: 120 }).expect("a line");
                }
                recorder.put(&Line::Phase { at: second * 1000, phase: now.phase }).expect("a line");
            }
            for target in targets {
                // One request of a target is under way at a time.
                if busy.get(target).is_some_and(|until| *until > second * 1000) {
                    continue;
                }
                let (took, answer) = answer(target, now);
                busy.insert(target.clone(), second * 1000 + took);
                recorder.scrape(second * 1000, target, took, answer).expect("a scrape");
            }
        }
        read(&out[..]).expect("what was recorded")
    }

    /// The same of one node that answers at once.
    pub(crate) fn one(&self, answer: impl Fn(Now) -> Result<Vec<Sample>, String>) -> Vec<Line> {
        self.lines(&[target("made", "n1")], |_, now| (5, answer(now)))
    }

    pub(crate) fn recorded(&self, answer: impl Fn(Now) -> Result<Vec<Sample>, String>) -> Recording {
        Recording::of(self.one(answer), &[]).expect("a recording")
    }
}

/// Keeps a recording in a folder.
pub(crate) fn kept(folder: &Path, lines: &[Line]) -> PathBuf {
    let Some(Line::Head(head)) = lines.first() else { panic!("a recording has a head") };
    let path = folder.join(format!("{}.jsonl.gz", head.scenario.replace("::", ".")));
    let file = File::create(&path).expect("a file");
    let mut packed = GzEncoder::new(file, Compression::fast());
    for line in lines {
        writeln!(packed, "{}", serde_json::to_string(line).expect("a line")).expect("it is written");
    }
    packed.finish().expect("it is written");
    path
}

pub(crate) fn rules(text: &str) -> Rules {
    let mut rules = Rules::default();
    rules.add(std::path::Path::new("my.yml"), text).expect("rules");
    rules
}

/// Rules of one group, of their names, expressions, and what else is said of them.
pub(crate) fn alerts(all: &[(&str, &str, &str)]) -> Rules {
    let rule = |(name, expr, more): &(&str, &str, &str)| format!("  - {{alert: {name}, expr: '{expr}'{more}}}\n");
    rules(&format!("groups:\n- name: g\n  rules:\n{}", all.iter().map(rule).collect::<String>()))
}

/// The promtool of this machine; without it the test says why it is skipped.
pub(crate) fn promtool() -> Option<Promtool> {
    let found = Promtool::on_path();
    if found.is_none() {
        let is_required = std::env::var("REENACT_REQUIRE").is_ok_and(|value| value == "all");
        assert!(!is_required, "there is no promtool, and REENACT_REQUIRE=all wants it");
        #[expect(clippy::print_stderr, reason = "a skip is told")]
        {
            eprintln!("skipped: there is no promtool");
        }
    }
    found
}

pub(crate) fn scored(rules: &Rules, recording: &Recording, promtool: &Promtool) -> Scored {
    score::one(rules, recording, &Options::default(), promtool).expect("scored")
}

/// The row of the rule of this name, the first where two have it.
pub(crate) fn row<'s>(rules: &Rules, scored: &'s Scored, name: &str) -> &'s Row {
    scored.rows.iter().find(|row| rules.alert(row.rule).name == name).expect("a row")
}
