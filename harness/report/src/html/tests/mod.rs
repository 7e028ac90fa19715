//! The page is read back the way a browser reads it, and held against what it was made
//! from.

mod hostile;
mod look;
mod score;

use std::{collections::BTreeSet, fs, path::Path};

use scraper::{ElementRef, Html, Selector};

use super::*;
use reenact_core::{
    detect::Episode,
    fingerprint::Fingerprint,
    journal::Event,
    judge::Findings,
    probe::{Moment, StateChange},
    workload::{Ack, Entry},
};
use reenact_run::{
    campaign::{Kind, Outcome, Setup},
    score::{Fingerprints, Score},
};

const NEVER: fn(&[reenact_core::probe::Observation]) -> bool = |_| false;

/// An incident with three marks.
fn breaks() -> Scenario {
    let print = |id, report| Fingerprint { id, report, shows: NEVER };
    let mut scenario = Scenario::told("one::breaks", Kind::Incident);
    scenario.story = "All nodes restart & stay \"down\". Nothing <b>helps</b>.".into();
    scenario.source = "ticket 7".into();
    scenario.faults = vec!["cut every wire".into(), "power off".into()];
    scenario.detector = Some("one/broken");
    scenario.also = vec!["two/slow"];
    scenario.runbooks = vec!["start the most advanced node".into(), "start any node".into()];
    scenario.fingerprints = vec![
        print("no_quorum", "\"no quorum <0 of 3>\""),
        print("port_closed", "3306 closed"),
        print("left_behind", "one node is behind"),
    ];
    scenario
}

fn twin() -> Scenario {
    let mut scenario = Scenario::told("one::twin", Kind::Twin);
    scenario.story = "A slow start.".into();
    scenario.source = "measured".into();
    scenario
}

const DETECTORS: [&str; 3] = ["one/broken", "one/stuck", "two/slow"];

fn result(id: &str, run: u32, outcome: Outcome) -> RunResult {
    let mut score = Score { start_ms: Some(2000 + u64::from(run)), acked: 500, ..Score::default() };
    score.detectors = DETECTORS.iter().map(|id| ((*id).to_owned(), "quiet".to_owned())).collect();
    RunResult {
        id: id.into(),
        run,
        unproved: false,
        outcome,
        reason: (outcome != Outcome::Pass).then(|| format!("the reason of {id} run {run}")),
        seed: 40 + u64::from(run),
        duration_ms: 30_000 + 10 * u64::from(run),
        run_dir: "/nowhere".into(),
        setup: Setup::default(),
        score,
        exit_code: 0,
    }
}

/// Lets a detector fire in a run.
fn fires(result: &mut RunResult, detector: &str, from: u64, is_alarm: bool) {
    let evidence = vec![format!("n1: what {detector} saw at {from}"), "n2: the same".into()];
    result.score.detectors.insert(detector.into(), "fired".into());
    result.score.episodes.push(Episode { detector: detector.into(), from: Moment(from), to: None, evidence });
    if is_alarm {
        result.score.false_alarms.push(detector.into());
    }
}

fn event(at: u64, kind: &str, text: &str) -> Event {
    Event { at: Moment(at), kind: kind.into(), text: text.into() }
}

/// A run's journal, with a fault that lasts ten seconds.
fn events() -> Vec<Event> {
    vec![
        event(2000, "steady", "every node serves"),
        event(5000, "fault", "n1 isolated: in force after 1 ms; ping: n1→n2 silent"),
        event(15_000, "heal", "n1 isolated: gone after 1 ms"),
        event(16_000, "step", "look which node is ahead"),
        event(17_000, "step", "start it"),
        event(20_000, "healthy", "after 4 s"),
        event(28_000, "phase", "keep the evidence and clean up"),
    ]
}

fn turns() -> Vec<StateChange> {
    let turn = |at, node: &str, state: &str| StateChange { at: Moment(at), node: node.into(), state: state.into() };
    vec![
        turn(0, "n1", "starts"),
        turn(0, "n2", "starts"),
        turn(1900, "n1", "serves"),
        turn(1950, "n2", "serves"),
        turn(6000, "n1", "cut off"),
        turn(15_200, "n1", "joins"),
        turn(17_000, "n1", "serves"),
    ]
}

/// A write every 20 ms; some fail while the fault is in force, and one hangs.
fn entries() -> Vec<Entry> {
    let ack = |at: u64| match at {
        6000..7000 => Ack::Failed { why: "refused".into() },
        7000..8000 => Ack::Unknown { why: "no answer in 8 s".into() },
        _ => Ack::Ok,
    };
    let write = |id: u64| {
        let at = 2000 + 20 * id;
        let to = at + 5 + 7 * (id % 3);
        Entry { id, client: 0, value: id, node: "n1".into(), from: Moment(at), to: Moment(to), ack: ack(at) }
    };
    let hangs = |entry: &mut Entry| entry.to = Moment(12_000);
    let mut entries: Vec<_> = (1..1200).map(write).filter(|entry| !(8000..12_000).contains(&entry.from.0)).collect();
    entries.iter_mut().filter(|entry| entry.from.0 == 7980).for_each(hangs);
    entries
}

fn json_lines<T: serde::Serialize>(items: &[T]) -> String {
    items.iter().map(|item| crate::to_json(item) + "\n").collect()
}

/// Writes what a run keeps, the way the runner does, and says where.
fn record(session: &Path, result: &mut RunResult) {
    let dir = session.join(format!("{}.{}", result.id.replace("::", "."), result.run));
    fs::create_dir_all(&dir).expect("a folder");
    result.run_dir.clone_from(&dir);
    let log: String = (0..300).map(|at| format!("2026-01-01T00:00:00Z line {at} of {}\n", result.id)).collect();
    let files = [
        ("score.json", serde_json::to_string_pretty(&*result).expect("json")),
        ("events.jsonl", json_lines(&events())),
        ("states.jsonl", json_lines(&turns())),
        ("ledger.jsonl", json_lines(&entries())),
        ("n1.log", log.replace("line 20 ", "line 20 ERROR ")),
        ("n2.log", log),
    ];
    for (name, text) in files {
        fs::write(dir.join(name), text).expect("a file");
    }
}

/// Results of several outcomes, and their folders.
fn session(folder: &Path) -> Vec<RunResult> {
    let mut results: Vec<_> = (1..=3).map(|run| result("one::breaks", run, Outcome::Pass)).collect();
    for (run, result) in results.iter_mut().enumerate() {
        fires(result, "one/broken", 7000, false);
        result.score.injections = vec![("n1 isolated".into(), 12.5), ("n2 isolated".into(), 20.0)];
        (result.score.detect_ms, result.score.recover_ms) = (Some(2000 + 100 * run as u64), Some(4000));
        result.score.fingerprints = Fingerprints { seen: 3, total: 3, missed: vec![] };
    }
    results[1].outcome = Outcome::Inconclusive;
    results[1].score.fingerprints = Fingerprints { seen: 2, total: 3, missed: vec!["port_closed".into()] };
    results[1].reason = Some("2 of 3 fingerprints of the report; missing: port_closed".into());
    fires(&mut results[2], "two/slow", 9000, true);
    results[2].outcome = Outcome::Fail;
    results[2].reason = Some("false alarm: two/slow".into());
    let mut harmed = result("one::harmed", 1, Outcome::Fail);
    let lost = BTreeSet::from([10, 11, 500]);
    harmed.score.lost = lost.len();
    harmed.score.findings = Some(Findings { acknowledged: 500, unknown: 2, lost, ..Findings::default() });
    harmed.score.facts.insert("exit_code".into(), 137.0);
    results.push(harmed);
    results.push(result("one::twin", 1, Outcome::Pass));
    let mut skipped = result("two::needs_disks", 1, Outcome::Skipped);
    skipped.score = Score::default();
    results.push(skipped);
    results.iter_mut().for_each(|result| record(folder, result));
    results
}

fn about() -> About {
    About {
        began: "2026-11-20T20:19:24Z".parse().ok(),
        took_ms: 754_000,
        ..About::ending("20261120T201924Z-1", How::Run)
    }
}

fn render(results: &[RunResult]) -> String {
    html(results, &about(), &[&breaks(), &twin()])
}

fn all<'a>(within: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    within.select(&Selector::parse(selector).expect("a selector")).collect()
}

fn texts(within: ElementRef, selector: &str) -> Vec<String> {
    all(within, selector).into_iter().map(text).collect()
}

/// An element's text with single spaces.
fn text(element: ElementRef) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The part of a page about one scenario.
fn section<'a>(page: &'a Html, id: &str) -> ElementRef<'a> {
    let sections = all(page.root_element(), "details.scenario");
    let found = sections.into_iter().find(|section| section.attr("data-name") == Some(id));
    found.unwrap_or_else(|| panic!("no section of {id}"))
}

#[test]
fn a_scenario_that_is_alone_is_unfolded_and_of_many_those_that_failed_are() {
    let open = |results: &[RunResult]| -> Vec<String> {
        let page = Html::parse_document(&render(results));
        all(page.root_element(), "details.scenario[open]").iter().map(|open| texts(*open, "h3")[0].clone()).collect()
    };
    let (twin, breaks) = (result("one::twin", 1, Outcome::Pass), result("one::breaks", 1, Outcome::Fail));
    assert_eq!(open(std::slice::from_ref(&twin)).len(), 1, "alone");
    let of_two = open(&[twin.clone(), breaks]);
    assert!(of_two.len() == 1 && of_two[0].contains("breaks"), "{of_two:?}");
    assert_eq!(open(&[twin, result("one::breaks", 1, Outcome::Pass)]), Vec::<String>::new());
}

#[test]
fn rules_stand_beside_the_detectors_of_a_run_that_was_scored() {
    let folder = tempfile::tempdir().expect("a folder");
    let results = session(folder.path());
    assert!(!render(&results).contains("Your rules beside our detectors"));
    let scored = crate::alerts::tests::noticed();
    let names = vec!["Down".into(), "Down".into(), "Deaf".into()];
    let beside = crate::alerts::Beside { names, scored };
    let text = serde_json::to_vec(&beside).expect("JSON");
    fs::write(results[0].run_dir.join("alerts.json"), text).expect("a file");
    let page = Html::parse_document(&render(&results));
    let words = texts(page.root_element(), "table.events td.word");
    assert!(
        words.iter().any(|word| word == "fired") && words.iter().any(|word| word.contains("detected")),
        "{words:?}"
    );
    assert_eq!(all(page.root_element(), "svg line.detector").len(), 1);
}
