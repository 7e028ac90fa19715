//! Recordings of real runs, rescored: today's detectors must say of them what they said
//! then. All systems' detectors see each recording, so that none takes one system's
//! trouble for another's.
//!
//! To add a run: `reenact pack RUN_DIR --into tests/recordings`. Where a detector changed
//! on purpose: `reenact rescore --accept tests/recordings`.

use std::{collections::BTreeSet, path::Path, sync::LazyLock};

use reenact::{
    archive::{Rescored, Saved, rescore},
    campaign, detect,
    probe::{Moment, Observation},
    report,
};
use scenarios as _;

/// All recordings together, in bytes.
const MOST: u64 = 1_500_000;

fn recordings() -> Saved {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings");
    Saved::load(&folder).expect("the recordings")
}

/// All of them with the verdicts of today.
static RESCORED: LazyLock<Vec<Rescored>> =
    LazyLock::new(|| recordings().runs.iter().map(|run| rescore(run).expect("a whole recording")).collect());

#[test]
fn every_detector_says_what_it_said() {
    assert_eq!(report::rescored(&RESCORED).unwrap_or_default(), "", "see tests/recordings.rs");
    eprintln!("{}", report::rescored_summary(&RESCORED));
}

#[test]
fn an_incident_is_noticed_and_nobody_else_cries_wolf() {
    for rescored in &*RESCORED {
        let (run, score) = (&rescored.run, &rescored.run.score);
        let scenarios = campaign::all().expect("scenarios");
        let scenario = scenarios.iter().find(|scenario| scenario.id == run.id).expect("a scenario");
        assert!(score.false_alarms.is_empty(), "{}: {:?}", run.id, score.false_alarms);
        let fired: Vec<_> = score.episodes.iter().map(|episode| episode.detector.as_str()).collect();
        match scenario.detector {
            Some(detector) => assert!(fired.contains(&detector), "{}: {fired:?}", run.id),
            None => assert!(fired.is_empty(), "{}: {fired:?}", run.id),
        }
    }
}

/// A detector without a system's signals must say so, and not that all is well.
#[test]
fn nobody_claims_to_see_another_system() {
    for Rescored { run, .. } in &*RESCORED {
        let (system, _) = run.id.split_once("::").expect("a system");
        for (detector, word) in &run.score.detectors {
            let own = detector.starts_with(&format!("{system}/"));
            assert!(own || word == "unknown", "{detector} says {word} of {}", run.id);
        }
    }
}

#[test]
fn each_system_has_an_incident_and_a_twin_and_all_are_small() {
    let saved = recordings();
    assert!(saved.skipped.is_empty(), "{:?}", saved.skipped);
    let kinds: BTreeSet<_> = saved.runs.iter().map(|run| (system(&run.id), run.id.contains("::twin_"))).collect();
    for system in ["blobstore", "bosh", "diego", "galera", "shutdown"] {
        for twin in [false, true] {
            assert!(kinds.contains(&(system, twin)), "{system}, twin: {twin}");
        }
    }
    let files = saved.runs.iter().flat_map(|run| run.run_dir.read_dir().expect("a folder"));
    let size: u64 = files.map(|file| file.and_then(|file| file.metadata()).expect("a file").len()).sum();
    assert!(size <= MOST, "{size} bytes");
}

fn system(id: &str) -> &str {
    id.split("::").next().unwrap_or_default()
}

/// The board folds once for all detectors of a view: each alone must say the same at each
/// observation.
#[test]
fn sharing_a_view_changes_no_verdict() {
    for run in recordings().runs {
        let mut recording = reenact::archive::Recording::open(&run.run_dir).expect("a recording");
        let mut board = detect::Board::new(detect::all());
        let mut alone: Vec<_> = detect::all().into_iter().map(|entry| (entry.id, (entry.new)())).collect();
        while let Some(observation) = recording.observation().expect("an observation") {
            board.observe(&observation);
            let fires = |(_, detector): &mut (_, Box<dyn detect::Detector>)| {
                matches!(detector.observe(&observation), detect::Verdict::Fired { .. })
            };
            let firing: Vec<_> = alone.iter_mut().filter_map(|seat| fires(seat).then_some(seat.0)).collect();
            assert_eq!(board.firing().collect::<Vec<_>>(), firing, "{} at {}", run.id, observation.at);
        }
    }
}

/// What is read is what was written.
#[test]
fn an_observation_survives_its_file() {
    for run in recordings().runs {
        let mut recording = reenact::archive::Recording::open(&run.run_dir).expect("a recording");
        let mut last = Moment::default();
        while let Some(observation) = recording.observation().expect("an observation") {
            let text = serde_json::to_string(&observation).expect("JSON");
            assert_eq!(serde_json::from_str::<Observation>(&text).expect("an observation"), observation);
            assert!(observation.at >= last, "{}: {} after {last}", run.id, observation.at);
            last = observation.at;
        }
    }
}
