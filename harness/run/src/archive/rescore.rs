//! The detectors of today on a recording of yesterday.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Recording, read_as_written};
use crate::{campaign::RunResult, score::Score};
use reenact_core::{
    Result,
    detect::{self, Board, Episode},
    probe::Moment,
};

/// What became of one run's verdicts.
#[derive(Debug, Clone, Serialize)]
pub struct Rescored {
    /// The run, with the verdicts of today.
    #[serde(skip)]
    pub run: RunResult,
    /// What differs from the recorded verdicts; nothing: all are the same.
    pub changes: Vec<Change>,
    /// How many observations there were.
    pub observations: usize,
    /// How long the recording is, from the run's start to its last observation.
    pub lasts_ms: u64,
    /// How long rescoring took, in milliseconds.
    pub took_ms: f64,
    /// Whether the recording's last line was torn; it was left out.
    pub torn: bool,
}

impl Rescored {
    /// How many times faster than the run itself it went.
    pub fn speed(&self) -> f64 {
        self.lasts_ms as f64 / self.took_ms.max(f64::MIN_POSITIVE)
    }
}

/// One detector that says something else.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Its id.
    pub detector: String,
    /// Its recorded word; `None`: it was not there then.
    pub was: Option<String>,
    /// Its word today; `None`: it is not there any more.
    pub is: Option<String>,
    /// How its episodes differ, where it fired in both.
    pub turns: Vec<VerdictChange>,
}

/// How an episode differs. Episodes are counted from 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum VerdictChange {
    /// It fires at another moment.
    Fires {
        /// Which.
        episode: usize,
        /// The recorded moment.
        was: Moment,
        /// Today's.
        is: Moment,
    },
    /// It ceases at another moment; `None`: never.
    Ceases {
        /// Which.
        episode: usize,
        /// The recorded moment.
        was: Option<Moment>,
        /// Today's.
        is: Option<Moment>,
    },
    /// It gives other evidence.
    Evidence {
        /// Which.
        episode: usize,
        /// What was recorded.
        was: Vec<String>,
        /// Today's.
        is: Vec<String>,
    },
    /// It fires more or less often.
    Count {
        /// How often it fired.
        was: usize,
        /// How often it fires today.
        is: usize,
    },
}

/// Shows a run's recording to all detectors of today and compares what they say with
/// what was recorded.
///
/// # Errors
/// As [`Recording`]'s.
pub fn rescore(run: &RunResult) -> Result<Rescored> {
    let began = Instant::now();
    let mut recording = Recording::open(&run.run_dir)?;
    let mut board = Board::new(detect::all());
    let (mut observations, mut last) = (0, Moment::default());
    while let Some(observation) = recording.observation()? {
        board.observe(&observation);
        observations += 1;
        last = last.max(observation.at);
    }
    let today = verdicts(&run.score, &board);
    Ok(Rescored {
        changes: changes(&run.score, &today),
        run: RunResult { score: today, ..run.clone() },
        observations,
        lasts_ms: last.since(Moment::default()).as_millis() as u64,
        took_ms: milliseconds(began.elapsed()),
        torn: recording.is_torn(),
    })
}

/// Puts a run's verdicts of today down as the recorded ones. All else stays as it is.
///
/// # Errors
/// As [`super::Saved::load`]; [`Error::File`](reenact_core::Error::File) if it cannot be written.
pub fn accept(rescored: &Rescored) -> Result<()> {
    let folder = &rescored.run.run_dir;
    // What it says of its place is not ours to change here.
    let run_dir = read_as_written(folder)?.run_dir;
    RunResult { run_dir, ..rescored.run.clone() }.write_to(folder)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The score with today's verdicts in it.
fn verdicts(recorded: &Score, board: &Board) -> Score {
    let mut score = recorded.clone();
    score.verdicts_of(board);
    score
}

/// What differs, by detector.
fn changes(recorded: &Score, today: &Score) -> Vec<Change> {
    let all: BTreeSet<_> = recorded.detectors.keys().chain(today.detectors.keys()).collect();
    let (were, are) = (by_detector(&recorded.episodes), by_detector(&today.episodes));
    let change = |id: &String| {
        let (was, is) = (recorded.detectors.get(id), today.detectors.get(id));
        let none = Vec::new();
        let turns = turns(were.get(id.as_str()).unwrap_or(&none), are.get(id.as_str()).unwrap_or(&none));
        // A detector that is new, and silent here, differs in nothing.
        let same = was == is || (was.is_none() && is.is_some_and(|word| word != "fired"));
        let turns = if was == is { turns } else { Vec::new() };
        let change = Change { detector: id.clone(), was: was.cloned(), is: is.cloned(), turns };
        (!same || !change.turns.is_empty()).then_some(change)
    };
    all.into_iter().filter_map(change).collect()
}

fn by_detector(episodes: &[Episode]) -> BTreeMap<&str, Vec<&Episode>> {
    let mut by_detector: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for episode in episodes {
        by_detector.entry(episode.detector.as_str()).or_default().push(episode);
    }
    by_detector
}

/// How one detector's episodes differ.
fn turns(were: &[&Episode], are: &[&Episode]) -> Vec<VerdictChange> {
    let mut turns = Vec::new();
    for (index, (was, is)) in were.iter().zip(are).enumerate() {
        let episode = index + 1;
        if was.from != is.from {
            turns.push(VerdictChange::Fires { episode, was: was.from, is: is.from });
        }
        if was.to != is.to {
            turns.push(VerdictChange::Ceases { episode, was: was.to, is: is.to });
        }
        if was.evidence != is.evidence {
            turns.push(VerdictChange::Evidence { episode, was: was.evidence.clone(), is: is.evidence.clone() });
        }
    }
    if were.len() != are.len() {
        turns.push(VerdictChange::Count { was: were.len(), is: are.len() });
    }
    turns
}
