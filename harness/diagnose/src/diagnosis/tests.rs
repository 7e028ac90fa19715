//! Toy detectors, each of which holds for another time, on cases of one line.

use reenact_core::{
    detect::{Finding as Found, Rule, View},
    detector,
};

use super::*;
use crate::{inventory::Inventory, report::Report, testing::TOY};

/// The last text of a file, and the last answer's clock.
#[derive(Default)]
struct Last(String, i64);

impl View for Last {
    fn observe(&mut self, observation: &Observation) {
        match &observation.signal {
            Signal::File { content, .. } => self.0 = content.clone().unwrap_or_default(),
            Signal::Query { answer, .. } => {
                self.1 = answer.get("now_ms").and_then(|now| now.parse().ok()).unwrap_or(self.1)
            }
            Signal::Log { line } if line == "cured" => self.0.clear(),
            _ => {}
        }
    }
}

fn is_bad(last: &Last) -> Found {
    match last.0.as_str() {
        "" => Found::CannotTell("toy:file was never seen".into()),
        "bad" => Found::Yes(vec!["n1: log: it went bad all at once".into()]),
        _ => Found::No,
    }
}

detector! { "toy/brief", "it is bad", Rule::new(Duration::from_secs(2), is_bad) }
detector! { "toy/slow", "it is bad for long", Rule::new(Duration::from_secs(20), is_bad) }
detector! {
    "toy/clock", "its clock is past ten seconds",
    Rule::new(Duration::ZERO, |last: &Last| if last.1 >= 10_000 { Found::Yes(vec!["late".into()]) } else { Found::No })
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn file(content: &str) -> (String, Signal) {
    ("n1".into(), Signal::File { path: "/x".into(), content: Some(content.into()) })
}

fn case(looks: &[(i64, &str)]) -> Case {
    let looks = looks.iter().map(|(at, content)| Look { at: time(*at), seen: vec![file(content)] });
    Case { looks: looks.collect(), ..Case::default() }
}

fn said(case: &Case, detector: &str) -> (Word, Option<u64>) {
    let diagnosis = diagnose(case, &TOY).expect("there is a look");
    let finding = diagnosis.findings.iter().find(|finding| finding.detector == detector).expect("it is the toy's");
    (finding.verdict, finding.lasts_s)
}

#[test]
fn one_look_is_enough_for_a_brief_hold_and_a_long_one_has_to_last() {
    let bad = case(&[(0, "bad")]);
    assert_eq!(said(&bad, "toy/brief"), (Word::Fired, Some(2)));
    assert_eq!(said(&bad, "toy/slow"), (Word::IfItLasts, Some(20)));
    let known = Case { lasted: Duration::from_secs(600), ..bad };
    assert_eq!(said(&known, "toy/slow").0, Word::Fired);
    let good = case(&[(0, "good")]);
    assert_eq!((said(&good, "toy/brief").0, said(&good, "toy/slow").0), (Word::Quiet, Word::Quiet));
}

#[test]
fn looks_that_are_near_are_one_stretch_and_others_are_not() {
    let stretch: Vec<_> = (0..5).map(|look| (look * 5, "bad")).collect();
    assert_eq!(said(&case(&stretch), "toy/slow"), (Word::Fired, None));
    assert_eq!(said(&case(&[(0, "bad"), (10, "bad")]), "toy/slow"), (Word::IfItLasts, Some(10)));
    assert_eq!(said(&case(&[(0, "bad"), (60, "good"), (61, "bad")]), "toy/slow"), (Word::IfItLasts, Some(20)));
}

#[test]
fn what_is_held_still_has_a_clock_that_goes_on() {
    let answer = |ms: &str| Signal::Query { of: "toy:clock".into(), answer: [("now_ms", ms)].into_iter().collect() };
    let at = |ms| Case { looks: vec![Look { at: time(0), seen: vec![("n1".into(), answer(ms))] }], ..Case::default() };
    assert_eq!(said(&at("10000"), "toy/clock"), (Word::Fired, None));
    assert_eq!(said(&at("4000"), "toy/clock"), (Word::IfItLasts, Some(6)));
}

#[test]
fn evidence_is_as_old_as_the_line_that_it_cites() {
    let line = Signal::Log { line: "2027-01-15 [ERROR] it went bad all at once".into() };
    let mut bad = case(&[(0, "bad")]);
    bad.past.push(Dated { at: time(-3_000), node: "n1".into(), signal: line });
    let diagnosis = diagnose(&bad, &TOY).expect("there is a look");
    let brief = diagnosis.of(Word::Fired).find(|finding| finding.detector == "toy/brief").expect("it fires");
    assert_eq!((brief.since, brief.node.as_deref()), (Some(time(-3_000)), Some("n1")));
}

#[test]
fn who_cannot_tell_says_what_would() {
    let blind = Case {
        looks: vec![Look { at: time(0), seen: vec![("n1".into(), Signal::Log { line: "x".into() })] }],
        ..Case::default()
    };
    let diagnosis = diagnose(&blind, &TOY).expect("there is a look");
    let brief = diagnosis.of(Word::Unknown).find(|finding| finding.detector == "toy/brief").expect("it cannot tell");
    assert_eq!(brief.why.as_deref(), Some("toy:file was never seen"));
    assert_eq!(brief.ask.as_deref(), Some("cat /x"));
    assert_eq!(diagnosis.exit_code(), 4);
    assert_eq!(diagnose(&case(&[(0, "good")]), &TOY).map(|all| all.exit_code()), Some(4), "nobody looked at the clock");
    assert_eq!(diagnose(&case(&[(0, "bad")]), &TOY).map(|all| all.exit_code()), Some(1));
    assert!(diagnose(&Case::default(), &TOY).is_none());
    assert!(Report::of(&TOY, &[], &Inventory::default()).is_none());
}
