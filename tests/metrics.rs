//! The shipped metrics of scenarios: `tests/metrics`. How to renew them: docs/metrics.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use reenact::{
    archive::load_metrics,
    campaign::{self, Kind},
    metrics::{Head, Line, Phase, Scrape},
};
use scenarios as _;

/// All of them together, in bytes.
const MOST: u64 = 25_000_000;

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/metrics");
    let mut all: Vec<_> =
        folder.read_dir().expect("the recordings").map(|entry| entry.expect("a recording").path()).collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

/// When each phase begins, in order.
fn phases(lines: &[Line]) -> Vec<(Phase, u64)> {
    lines
        .iter()
        .filter_map(|line| if let Line::Phase { at, phase } = line { Some((*phase, *at)) } else { None })
        .collect()
}

fn scrapes(lines: &[Line]) -> impl Iterator<Item = &Scrape> {
    lines.iter().filter_map(|line| if let Line::Scrape(scrape) = line { Some(scrape) } else { None })
}

#[test]
fn each_is_of_a_scenario_and_its_incident_is_held_and_all_are_small() {
    let all = campaign::all().expect("scenarios");
    let mut size = 0;
    for path in recordings() {
        size += path.metadata().expect("a file").len();
        let lines = load_metrics(&path).expect("readable");
        let Some(Line::Head(Head { scenario: id, is_twin, .. })) = lines.first() else { panic!("{path:?}") };
        let scenario = all.iter().find(|scenario| scenario.id == *id).expect("a scenario that there is");
        assert!(path.ends_with(format!("{}.jsonl.gz", id.replace("::", "."))), "{path:?} is of {id}");
        assert_eq!(*is_twin, scenario.kind == Kind::Twin, "{id}");
        let phases = phases(&lines);
        let at: BTreeMap<_, _> = phases.iter().copied().collect();
        assert!(phases.is_sorted() && phases.len() == at.len(), "{id}: {phases:?}");
        assert!(
            [Phase::Steady, Phase::Onset, Phase::Over].iter().all(|phase| at.contains_key(phase)),
            "{id}: {phases:?}"
        );
        if !is_twin {
            assert!(at[&Phase::Over] - at[&Phase::Broken] >= 20_000, "{id}: {phases:?}");
        }
    }
    assert!(size <= MOST, "{size} bytes");
}

/// A rule on a target that is missing would fire while all is well.
#[test]
fn every_target_answers_while_all_is_steady() {
    for path in recordings() {
        let lines = load_metrics(&path).expect("readable");
        let onset = phases(&lines).into_iter().find(|(phase, _)| *phase == Phase::Onset).expect("an onset").1;
        let all: BTreeSet<_> = scrapes(&lines).map(|scrape| &scrape.target).collect();
        let answered: BTreeSet<_> = scrapes(&lines)
            .filter(|scrape| scrape.at < onset && scrape.down.is_none())
            .map(|scrape| &scrape.target)
            .collect();
        assert_eq!(all, answered, "{path:?}");
    }
}
