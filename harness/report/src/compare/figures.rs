//! What a comparison needs of many runs, and the compact file that keeps it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::to_json;
use reenact_core::{Error, Result, stats::median};
use reenact_run::{
    archive::{Saved, Skipped},
    campaign::{Outcome, RunResult},
};

/// The version of the baseline's file that this code writes and reads.
const VERSION: u32 = 1;

/// The figures of one scenario's runs.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// How the runs ended.
    pub outcomes: BTreeMap<Outcome, usize>,
    /// How long each run took, clean-up included.
    pub duration_ms: Vec<f64>,
    /// From the start until every node served, a value per run that has one.
    pub start_ms: Vec<f64>,
    /// From the effect to the detector's firing, alike.
    pub detect_ms: Vec<f64>,
    /// From the runbook's call until every node served, alike.
    pub recover_ms: Vec<f64>,
    /// The most acknowledged writes that a run lost which passed: where a scenario shows
    /// a harm, it must.
    pub lost_in_passes: usize,
    /// The most that any run lost.
    pub lost: usize,
    /// In how many runs which detector fired and should not have.
    pub false_alarms: BTreeMap<String, usize>,
    /// Whether controls, wrong runbooks and kills were run too.
    pub full: bool,
}

impl Sample {
    fn add(&mut self, run: &RunResult) {
        let score = &run.score;
        *self.outcomes.entry(run.outcome).or_default() += 1;
        for (times, time) in [
            (&mut self.duration_ms, Some(run.duration_ms)),
            (&mut self.start_ms, score.start_ms),
            (&mut self.detect_ms, score.detect_ms),
            (&mut self.recover_ms, score.recover_ms),
        ] {
            times.extend(time.map(|ms| ms as f64));
        }
        self.lost = self.lost.max(score.lost);
        if run.outcome == Outcome::Pass {
            self.lost_in_passes = self.lost_in_passes.max(score.lost);
        }
        for detector in &score.false_alarms {
            *self.false_alarms.entry(detector.clone()).or_default() += 1;
        }
        self.full |= run.setup.full;
    }

    /// How many runs passed, of those that could be run.
    pub fn passed(&self) -> (usize, usize) {
        let count = |outcome| self.outcomes.get(&outcome).copied().unwrap_or_default();
        let passed = count(Outcome::Pass);
        (passed, passed + count(Outcome::Fail) + count(Outcome::Inconclusive))
    }
}

/// The figures of many scenarios' runs.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The file's version.
    pub(super) reenact_baseline: u32,
    /// The version of `reenact` that ran them, where it is known.
    #[serde(default)]
    pub version: Option<String>,
    /// The commit, where it is known.
    #[serde(default)]
    pub commit: Option<String>,
    /// By scenario.
    pub scenarios: BTreeMap<String, Sample>,
    /// Runs that were left out, and why.
    #[serde(skip)]
    pub skipped: Vec<Skipped>,
}

/// The text of a baseline's file that is part of the program: see [`crate::baseline`].
pub struct Shipped(pub &'static str);

inventory::collect!(Shipped);

/// Ships a baseline with the program: `baseline!(include_str!("baseline.json"));`. How long
/// scenarios take is known by it on every machine alike, so that machines divide them alike.
#[macro_export]
macro_rules! baseline {
    ($text:expr $(,)?) => {
        $crate::private::inventory::submit! { $crate::compare::Shipped($text) }
    };
}

impl Figures {
    /// The figures of these runs. Shams are left out: they prove nothing.
    pub fn of(runs: &[RunResult]) -> Self {
        let mut figures = Self { reenact_baseline: VERSION, ..Self::default() };
        for run in runs {
            if run.setup.no_fault {
                figures
                    .skipped
                    .push(Skipped { path: run.run_dir.clone(), why: "a no-fault control proves nothing".into() });
                continue;
            }
            figures.scenarios.entry(run.id.clone()).or_default().add(run);
            figures.version.clone_from(&run.setup.version);
            figures.commit.clone_from(&run.setup.commit);
        }
        figures
    }

    /// Reads a baseline's file, or the runs of a folder.
    ///
    /// # Errors
    /// As [`Saved::load`]; [`Error::Usage`] if the file is no baseline or of another
    /// version, or if all runs are no-fault controls.
    pub fn load(path: &Path) -> Result<Self> {
        if path.is_file() { Self::read(path) } else { Self::of_folders(&[path.to_path_buf()]) }
    }

    /// The figures of all runs in these folders together.
    ///
    /// # Errors
    /// As [`Figures::load`].
    pub fn of_folders(paths: &[PathBuf]) -> Result<Self> {
        let Saved { runs, skipped } = Saved::load_all(paths)?;
        let mut figures = Self::of(&runs);
        figures.skipped.extend(skipped);
        if figures.scenarios.is_empty() {
            let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(Error::usage(
                format!("all runs in {} are no-fault controls", shown.join(", ")),
                "compare runs that left no fault out",
            ));
        }
        Ok(figures)
    }

    /// How long each scenario's runs take, by the baseline's file beside the results; nothing
    /// where there is none, or none that can be read: it serves only to order them.
    pub(crate) fn durations(results: &Path) -> BTreeMap<String, f64> {
        Self::read(&results.join("baseline.json")).map(Self::middle_durations).unwrap_or_default()
    }

    /// How long each scenario's runs take, in milliseconds, by the baselines that the program ships.
    ///
    /// # Errors
    /// [`Error::Bug`] if one of them is none.
    pub fn shipped_durations() -> Result<BTreeMap<String, f64>> {
        let mut all = BTreeMap::new();
        for Shipped(text) in inventory::iter::<Shipped>() {
            let figures =
                Self::parse(text.as_bytes()).map_err(|why| Error::Bug(format!("the shipped baseline: {why}")))?;
            all.extend(figures.middle_durations());
        }
        Ok(all)
    }

    fn middle_durations(self) -> BTreeMap<String, f64> {
        let middle = |(id, sample): (String, Sample)| Some((id, median(sample.duration_ms)?));
        self.scenarios.into_iter().filter_map(middle).collect()
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(Error::file("read", path))?;
        let help = "save one with `reenact baseline RUN --into FILE`";
        Self::parse(&text).map_err(|why| Error::usage(format!("{} is {why}", path.display()), help))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            reenact_baseline: u32,
        }
        let wrong = |error| format!("no baseline: {error}");
        let head: Head = serde_json::from_slice(text).map_err(wrong)?;
        if head.reenact_baseline != VERSION {
            return Err(format!("a baseline of version {}, not {VERSION}", head.reenact_baseline));
        }
        serde_json::from_slice(text).map_err(wrong)
    }

    /// Writes them into a file, a line per scenario, so that changes of it can be read.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let row = |(id, sample): (&String, &Sample)| format!("  {}: {}", to_json(id), to_json(sample));
        let rows: Vec<_> = self.scenarios.iter().map(row).collect();
        let text = format!(
            "{{\n\"reenact_baseline\": {VERSION},\n\"version\": {},\n\"commit\": {},\n\"scenarios\": {{\n{}\n}}\n}}\n",
            to_json(&self.version),
            to_json(&self.commit),
            rows.join(",\n"),
        );
        fs::write(path, text).map_err(Error::file("write", path))
    }
}
