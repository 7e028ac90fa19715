//! A run's metrics: what a Prometheus would have scraped, kept in the run's folder.
//!
//! A recording is a list of JSON lines, gzipped: first its [`Head`], then series as they are
//! first seen, scrapes by what changed in them, and the moments at which the story's phases
//! begin. Moments are milliseconds since the run began.

mod story;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{BufRead, Write},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use story::story;
pub use text::Parser;

/// The version of the format that is written, and the only one that is read.
pub const FORMAT: u32 = 1;

/// A series' number within a recording.
pub type Id = u32;

/// What a recording is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`].
    pub format: u32,
    /// The scenario's id, such as `galera::non_primary_wedge`.
    pub scenario: String,
    /// Its system's name.
    pub system: String,
    /// A benign look-alike, in which no alert should page.
    pub is_twin: bool,
    /// From the start of one scrape of a target to that of the next.
    pub interval_ms: u64,
    /// How long a scrape may take.
    pub timeout_ms: u64,
    /// How many seconds of production pass in a second of the run.
    #[serde(default = "plain", skip_serializing_if = "is_plain")]
    pub pace: f64,
}

fn plain() -> f64 {
    1.0
}

fn is_plain(pace: &f64) -> bool {
    *pace == plain()
}

/// A part of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Healthy, under the workload.
    Steady,
    /// Faults are injected.
    Onset,
    /// The detector has fired, or the look-alike's disturbance stands, and nothing is done.
    Broken,
    /// Somebody acts: what follows is not judged.
    Over,
}

impl Phase {
    /// Its name, as recordings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Onset => "onset",
            Self::Broken => "broken",
            Self::Over => "over",
        }
    }
}

/// What a series counts, as the exporter declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, but for restarts; buckets, sums and counts of histograms and summaries too.
    Counter,
    /// Not declared: a counter only for a rule that takes its rate.
    Untyped,
}

/// A series: a metric's name with its labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Series {
    /// The metric.
    pub name: String,
    /// Its labels, without `job` and `instance`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Who is scraped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The `job` label: the exporter, such as `mysql`.
    pub job: String,
    /// The node.
    pub node: String,
    /// The `instance` label: the node and the port.
    pub instance: String,
}

/// A value: JSON has neither NaN nor the infinities, which are kept as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value(pub f64);

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => to.serialize_f64(value),
            value => to.collect_str(&value),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Number(value) => Ok(Self(value)),
            Written::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Head(Head),
    /// A phase begins.
    Phase {
        /// When.
        at: u64,
        /// Which.
        phase: Phase,
    },
    /// The state after detection lasts: the no-fault control proves it, for so long, by what is
    /// written in the incident's own value.
    Lasts {
        /// For how long nothing done is known to change nothing, in production's seconds.
        production_s: u64,
    },
    /// A series is seen for the first time.
    Series {
        /// Its number.
        id: Id,
        /// Who has it.
        target: Target,
        /// What is declared of it.
        kind: Kind,
        /// What it is.
        series: Series,
    },
    /// A scrape.
    Scrape(Scrape),
}

/// One scrape of one target: what changed since the last that was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    /// When it began, which is its samples' time.
    pub at: u64,
    /// Who was asked.
    pub target: Target,
    /// How long the answer took.
    pub took_ms: u64,
    /// New values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<Id, Value>,
    /// Series that are there no longer.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<Id>,
    /// Why there was no answer; all of the target's series are stale then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
}

/// A sample, as an exporter gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of what.
    pub series: Arc<Series>,
    /// As declared.
    pub kind: Kind,
    /// How much.
    pub value: f64,
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    next: Id,
    known: BTreeMap<Target, Known>,
}

/// What is known of a target.
#[derive(Debug, Default)]
struct Known {
    series: Vec<Entry>,
    by_series: HashMap<Arc<Series>, usize>,
    /// The order in which they came last: they mostly come so again.
    order: Vec<usize>,
    scrapes: u64,
}

/// One series of a target.
#[derive(Debug)]
struct Entry {
    id: Id,
    series: Arc<Series>,
    /// The value, as its bits; `None`: it is not there.
    value: Option<u64>,
    /// The scrape that had it last.
    seen: u64,
}

impl<W: Write> Recorder<W> {
    /// Begins a recording.
    ///
    /// # Errors
    /// If it cannot be written; so with all that follow.
    pub fn begin(out: W, head: Head) -> Result<Self> {
        let mut recorder = Self { out, next: 0, known: BTreeMap::new() };
        recorder.put(&Line::Head(head))?;
        Ok(recorder)
    }

    /// Writes a line as it is, and hands it on at once: a run may be killed.
    pub fn put(&mut self, line: &Line) -> Result<()> {
        self.write(line)?;
        self.out.flush().map_err(unwritten)
    }

    /// Ends it, and gives back what it was written to.
    pub fn end(self) -> W {
        self.out
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(line).map_err(|error| Error::Bug(format!("a line of metrics: {error}")))?;
        writeln!(self.out, "{text}").map_err(unwritten)
    }

    /// Writes what a scrape changed.
    pub fn scrape(
        &mut self,
        at: u64,
        target: &Target,
        took_ms: u64,
        answer: Result<Vec<Sample>, String>,
    ) -> Result<()> {
        let mut scrape =
            Scrape { at, target: target.clone(), took_ms, set: BTreeMap::new(), gone: BTreeSet::new(), down: None };
        // Out of the way while series that are new are written.
        let mut known = self.known.remove(target).unwrap_or_default();
        match answer {
            Ok(samples) => self.changes(&mut known, samples, &mut scrape)?,
            Err(why) => {
                known.series.iter_mut().for_each(|entry| entry.value = None);
                scrape.down = Some(why);
            }
        }
        self.known.insert(target.clone(), known);
        self.put(&Line::Scrape(scrape))
    }

    /// What these samples change.
    fn changes(&mut self, known: &mut Known, samples: Vec<Sample>, scrape: &mut Scrape) -> Result<()> {
        known.scrapes += 1;
        let mut order = Vec::with_capacity(samples.len());
        for Sample { series, kind, value } in samples {
            let likely = known.order.get(order.len()).copied();
            let at = match likely.filter(|at| known.series[*at].series == series) {
                Some(at) => at,
                None => self.place(known, &scrape.target, series, kind)?,
            };
            order.push(at);
            let entry = &mut known.series[at];
            entry.seen = known.scrapes;
            if entry.value.replace(value.to_bits()) != Some(value.to_bits()) {
                scrape.set.insert(entry.id, Value(value));
            }
        }
        known.order = order;
        for entry in known.series.iter_mut().filter(|entry| entry.seen != known.scrapes) {
            if entry.value.take().is_some() {
                scrape.gone.insert(entry.id);
            }
        }
        Ok(())
    }

    /// Where a series is among those of its target; it is written if it is new.
    fn place(&mut self, known: &mut Known, target: &Target, series: Arc<Series>, kind: Kind) -> Result<usize> {
        if let Some(at) = known.by_series.get(&series) {
            return Ok(*at);
        }
        let id = self.next;
        self.next = id.checked_add(1).ok_or_else(|| Error::Bug("four billion series".into()))?;
        self.write(&Line::Series { id, target: target.clone(), kind, series: Series::clone(&series) })?;
        let at = known.series.len();
        known.by_series.insert(series.clone(), at);
        known.series.push(Entry { id, series, value: None, seen: 0 });
        Ok(at)
    }
}

fn unwritten(error: std::io::Error) -> Error {
    Error::failed(format!("cannot write the metrics: {error}"))
}

/// Reads a recording's lines. A last line that was cut, by a kill, ends it.
///
/// # Errors
/// If it is of another format, or a line that others follow cannot be read.
pub fn read(from: impl BufRead) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut cut = None;
    for (number, text) in from.lines().enumerate() {
        if let Some(why) = cut {
            return Err(Error::usage(why, "record it anew"));
        }
        // A gzip stream that a kill has cut ends in an error.
        let Ok(text) = text else { break };
        match serde_json::from_str(&text) {
            Ok(line) => lines.push(line),
            Err(error) => cut = Some(format!("line {} of the metrics cannot be read: {error}", number + 1)),
        }
    }
    match lines.first() {
        Some(Line::Head(head)) if head.format == FORMAT => Ok(lines),
        Some(Line::Head(head)) => Err(Error::usage(
            format!("these metrics are of format {}; only {FORMAT} is read", head.format),
            "record them anew",
        )),
        _ => Err(Error::usage(
            "these are no metrics of a run: the first line is no head",
            "give what `reenact run --metrics` has kept",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            format: FORMAT,
            scenario: "galera::non_primary_wedge".into(),
            system: "galera".into(),
            is_twin: false,
            interval_ms: 1000,
            timeout_ms: 10_000,
            pace: 1.0,
        }
    }

    fn target() -> Target {
        Target { job: "mysql".into(), node: "n1".into(), instance: "n1:9104".into() }
    }

    fn sample(name: &str, value: f64) -> Sample {
        Sample { series: Series { name: name.into(), labels: BTreeMap::new() }.into(), kind: Kind::Gauge, value }
    }

    fn recorded() -> Vec<u8> {
        let mut out = Vec::new();
        let mut recorder = Recorder::begin(&mut out, head()).expect("in order");
        recorder.scrape(0, &target(), 4, Ok(vec![sample("up", 1.0), sample("x", f64::NAN)])).expect("in order");
        recorder.scrape(1000, &target(), 4, Ok(vec![sample("up", 1.0), sample("x", f64::NAN)])).expect("in order");
        recorder.scrape(2000, &target(), 4, Ok(vec![sample("up", 0.0)])).expect("in order");
        recorder.scrape(3000, &target(), 1, Err("refused".into())).expect("in order");
        recorder.scrape(4000, &target(), 1, Ok(vec![sample("up", 0.0)])).expect("in order");
        out
    }

    #[test]
    fn only_what_changes_is_written_and_after_a_failed_scrape_all() {
        let lines = read(&recorded()[..]).expect("in order");
        let scrapes: Vec<_> =
            lines.iter().filter_map(|line| if let Line::Scrape(scrape) = line { Some(scrape) } else { None }).collect();
        assert_eq!(scrapes[0].set.len(), 2);
        assert!(scrapes[0].set[&1].0.is_nan());
        assert!(scrapes[1].set.is_empty() && scrapes[1].gone.is_empty());
        assert_eq!((scrapes[2].set[&0], &scrapes[2].gone), (Value(0.0), &BTreeSet::from([1])));
        assert_eq!(scrapes[3].down.as_deref(), Some("refused"));
        assert_eq!(scrapes[4].set[&0], Value(0.0));
        assert_eq!(lines.iter().filter(|line| matches!(line, Line::Series { .. })).count(), 2);
    }

    #[test]
    fn a_last_line_that_was_cut_ends_it_and_one_in_the_middle_is_an_error() {
        let whole = recorded();
        let lines = read(&whole[..]).expect("whole").len();
        assert_eq!(read(&whole[..whole.len() - 9]).expect("in order").len(), lines - 1);
        let text = String::from_utf8(whole).expect("text");
        let torn = text.replacen("{\"scrape\"", "{\"scr", 1);
        assert!(read(torn.as_bytes()).is_err());
    }

    #[test]
    fn another_format_is_told() {
        let mut out = Vec::new();
        Recorder::begin(&mut out, Head { format: 2, ..head() }).expect("in order");
        assert!(read(&out[..]).expect_err("another format").to_string().contains("format 2"));
        assert!(read(&b""[..]).is_err());
    }
}
