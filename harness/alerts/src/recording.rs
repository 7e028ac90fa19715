//! A recording, read back: who was scraped when, and what each series was then.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use reenact_core::{
    Error, Result,
    metrics::{self, Head, Id, Kind, Line, Phase, Scrape, Series, Target},
};

use crate::score::Relabel;

/// A recording's name in a run's folder.
pub const FILE: &str = "metrics.jsonl.gz";

/// A recording by targets.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What it is of.
    pub head: Head,
    /// When each phase begins, in milliseconds since the run began.
    pub phases: BTreeMap<Phase, u64>,
    /// For how long the broken state is known to last, in production's seconds, if at all.
    pub lasts_s: Option<u64>,
    /// The end of what was recorded.
    pub end: u64,
    pub(crate) targets: Vec<Scraped>,
}

/// One target and its scrapes.
#[derive(Debug, Clone)]
pub(crate) struct Scraped {
    pub(crate) target: Target,
    pub(crate) scrapes: Vec<Seen>,
    pub(crate) series: Vec<Kept>,
}

/// When a scrape began and how it went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: u64,
    pub(crate) took_ms: u64,
    pub(crate) is_answered: bool,
}

/// A series of a target: its value at each of the target's scrapes, and with which labels a
/// Prometheus would keep it.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) kind: Kind,
    pub(crate) values: Vec<Option<f64>>,
}

impl Kept {
    /// Whether it has one value, wherever it is there.
    pub(crate) fn is_flat(&self) -> bool {
        let mut told = self.values.iter().flatten();
        let first = told.next();
        told.all(|value| Some(value) == first)
    }
}

/// Which scenario a recording is of, told by its first line alone.
///
/// # Errors
/// As [`Recording::read`].
pub fn scenario(path: &Path) -> Result<Head> {
    use std::io::BufRead;
    let mut first = String::new();
    let mut text = BufReader::new(MultiGzDecoder::new(File::open(path).map_err(Error::file("read", path))?));
    text.read_line(&mut first).map_err(Error::file("read", path))?;
    match metrics::read(first.as_bytes())?.pop() {
        Some(Line::Head(head)) => Ok(head),
        _ => Err(Error::Bug("a recording without a head was read".into())),
    }
}

impl Recording {
    /// Reads a recording, with the labels that a user's Prometheus would add.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Usage`] if it is no recording.
    pub fn read(path: &Path, relabel: &[Relabel]) -> Result<Self> {
        let file = File::open(path).map_err(Error::file("read", path))?;
        let text = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file));
        let lines = metrics::read(text).map_err(|error| match error {
            Error::Usage { what, help } => Error::usage(format!("{}: {what}", path.display()), help),
            other => other,
        })?;
        Self::of(lines, relabel)
    }

    pub(crate) fn of(lines: Vec<Line>, relabel: &[Relabel]) -> Result<Self> {
        let mut lines = lines.into_iter();
        let Some(Line::Head(head)) = lines.next() else {
            return Err(Error::Bug("a recording without a head was read".into()));
        };
        let (mut phases, mut lasts_s, mut end) = (BTreeMap::new(), None, 0);
        let mut by_target: BTreeMap<Target, Building> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Head(_) => {}
                // A story of several acts has its first onset where it all begins.
                Line::Phase { at, phase } => drop(phases.entry(phase).or_insert(at)),
                Line::Lasts { production_s } => lasts_s = Some(production_s),
                Line::Series { id, target, kind, series } => by_target.entry(target).or_default().add(id, kind, series),
                Line::Scrape(scrape) => {
                    end = end.max(scrape.at + scrape.took_ms);
                    by_target.entry(scrape.target.clone()).or_default().scraped(&scrape);
                }
            }
        }
        let targets = by_target.into_iter().map(|(target, built)| built.finish(target, relabel)).collect();
        Ok(Self { head, phases, lasts_s, end, targets })
    }

    /// When a phase begins; one that is not marked begins where it would end.
    pub(crate) fn begins(&self, phase: Phase) -> u64 {
        self.phases.range(phase..).next().map_or(self.end, |(_, at)| *at)
    }

    /// All series, with the target of each.
    pub(crate) fn series(&self) -> impl Iterator<Item = (&Scraped, &Kept)> {
        self.targets.iter().flat_map(|scraped| scraped.series.iter().map(move |kept| (scraped, kept)))
    }

    /// All series, and whether each is the same from the steady phase to the end of the broken one.
    pub(crate) fn still(&self) -> Vec<(&Kept, bool)> {
        let (from, to) = (self.phases.get(&Phase::Steady).copied().unwrap_or_default(), self.begins(Phase::Over));
        let is_still = |scraped: &Scraped, kept: &Kept| {
            let mut told = scraped.scrapes.iter().zip(&kept.values).filter(|(seen, _)| seen.at >= from && seen.at < to);
            let first = told.next().and_then(|(_, value)| value.map(f64::to_bits));
            told.all(|(_, value)| value.map(f64::to_bits) == first)
        };
        self.series().map(|(scraped, kept)| (kept, is_still(scraped, kept))).collect()
    }

    /// The names of all metrics.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        self.series().map(|(_, kept)| kept.name.as_str()).collect()
    }
}

/// A target as it is read, line by line.
#[derive(Debug, Default)]
struct Building {
    scrapes: Vec<Seen>,
    series: BTreeMap<Id, (Kind, Series, Vec<Option<f64>>)>,
    now: BTreeMap<Id, f64>,
}

impl Building {
    fn add(&mut self, id: Id, kind: Kind, series: Series) {
        self.series.insert(id, (kind, series, Vec::new()));
    }

    fn scraped(&mut self, scrape: &Scrape) {
        let is_answered = scrape.down.is_none();
        if !is_answered {
            self.now.clear();
        }
        self.now.retain(|id, _| !scrape.gone.contains(id));
        self.now.extend(scrape.set.iter().map(|(id, value)| (*id, value.0)));
        let before = self.scrapes.len();
        self.scrapes.push(Seen { at: scrape.at, took_ms: scrape.took_ms, is_answered });
        for (id, value) in &self.now {
            if let Some((_, _, values)) = self.series.get_mut(id) {
                values.resize(before, None);
                values.push(Some(*value));
            }
        }
    }

    fn finish(self, target: Target, relabel: &[Relabel]) -> Scraped {
        let Self { scrapes, series, .. } = self;
        let added = labels_of(&target, relabel);
        let keep = |name: String, own: BTreeMap<String, String>, kind, mut values: Vec<Option<f64>>| {
            values.resize(scrapes.len(), None);
            // What the scraping Prometheus says of a target wins over what the target says.
            Kept { name, labels: own.into_iter().chain(added.clone()).collect(), kind, values }
        };
        let made = |value: fn(&Seen) -> f64| scrapes.iter().map(|seen| Some(value(seen))).collect();
        let mut kept = vec![
            keep("up".into(), BTreeMap::new(), Kind::Gauge, made(|seen| f64::from(u8::from(seen.is_answered)))),
            keep(
                "scrape_duration_seconds".into(),
                BTreeMap::new(),
                Kind::Gauge,
                made(|seen| seen.took_ms as f64 / 1e3),
            ),
        ];
        let own = series.into_values().filter(|(_, series, _)| series.name != "up");
        kept.extend(own.map(|(kind, series, values)| keep(series.name, series.labels, kind, values)));
        Scraped { target, scrapes, series: kept }
    }
}

/// The labels that a target's series get.
fn labels_of(target: &Target, relabel: &[Relabel]) -> BTreeMap<String, String> {
    let mut labels =
        BTreeMap::from([("job".to_owned(), target.job.clone()), ("instance".to_owned(), target.instance.clone())]);
    for Relabel { job, labels: given } in relabel {
        if job.as_ref().is_none_or(|job| *job == target.job) {
            labels.extend(given.clone());
        }
    }
    labels
}

/// The recordings in a folder: packed ones, and those in the folders of runs.
///
/// # Errors
/// [`Error::File`] if the folder cannot be read.
pub fn within(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        for entry in folder.read_dir().map_err(Error::file("read", &folder))?.filter_map(Result::ok) {
            let path = entry.path();
            // results/SESSION/RUN/metrics.jsonl.gz is the deepest.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < 2 => open.push((path, depth + 1)),
                Ok(kind) if kind.is_file() && path.to_string_lossy().ends_with(".jsonl.gz") => {
                    let name = entry.file_name();
                    let is_run = name == FILE;
                    let is_packed = !is_run && name != "observations.jsonl.gz";
                    found.extend((is_run || is_packed).then_some(path));
                }
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}
