//! What campaigns have found, as the nights have left it.

use std::path::Path;

use serde_json::{Value, json};

use crate::table::table;
use reenact_run::campaign::{Findings, Night, Record, Schedule, State};

/// One row for each finding, those that need a look first.
pub fn findings(all: &Findings) -> String {
    let mut rows: Vec<_> = all.iter().map(|(name, _, record)| (record.state(), name, record)).collect();
    rows.sort_by_key(|(state, name, _)| (*state, name.to_owned()));
    let mut table = table(&["finding", "state", "first seen", "last seen", "failed", "what does not hold"]);
    for (state, name, record) in rows {
        let (first, last) = seen(record);
        let what = record.reason.lines().next().unwrap_or_default();
        table.add_row([name.into(), told(state, record), first, last, rate(record), what.into()]);
    }
    format!("{table}\nfailed: runs of its plan that failed so, on all nights; again: reenact replay FINDING.toml")
}

fn told(state: State, record: &Record) -> String {
    match state {
        State::New => "new".into(),
        State::Back => "came back".into(),
        State::Open if record.owed() < record.runs_to_show() => format!("open, gone after {} more", record.owed()),
        State::Open => "open".into(),
        State::Gone => "gone".into(),
    }
}

fn rate(record: &Record) -> String {
    let (failed, of) = record.failed();
    format!("{failed} of {of}")
}

fn seen(record: &Record) -> (String, String) {
    record.seen().map_or_else(Default::default, |(first, last)| (first.day(), last.day()))
}

/// One JSON object for each, in order of their names. Plans are files of `folder`.
pub fn findings_json(all: &Findings, folder: &Path) -> Vec<Value> {
    let one = |(name, plan, record): (&str, &Schedule, &Record)| {
        let (first_seen, last_seen) = seen(record);
        let (failed, of) = record.failed();
        json!({
            "name": name,
            "system": plan.system,
            "state": record.state(),
            "reason": record.reason,
            "is_minimal": record.is_minimal,
            "first_seen": first_seen,
            "last_seen": last_seen,
            "failed": failed,
            "of": of,
            "met": record.nights.iter().map(|night: &Night| night.met).sum::<u32>(),
            "owed": record.owed(),
            "first_bad": record.first_bad,
            "plan": folder.join(format!("{name}.toml")),
        })
    };
    all.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(day: u32, failed: u32, of: u32) -> Night {
        Night { session: format!("202611{day:02}T010000Z-5324d32b"), failed, of, met: 0 }
    }

    fn finding(system: &str, reason: &str, nights: Vec<Night>) -> Schedule {
        let record = Record { reason: reason.into(), is_minimal: true, first_bad: None, nights };
        Schedule { system: system.into(), finding: Some(record), ..Schedule::default() }
    }

    #[test]
    fn what_needs_a_look_comes_first_with_its_days_and_its_rate() {
        let mut all = Findings::default();
        all.add(finding("a", "gone: for good", vec![night(1, 5, 5), night(2, 0, 3)]));
        all.add(finding("b", "stuck: b\nand more", vec![night(1, 5, 5), night(2, 0, 1)]));
        all.add(finding("c", "lost: 3 writes", vec![night(3, 2, 5)]));
        let text = findings(&all);
        let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("no {word:?} in\n{text}"));
        assert!(at("lost: 3 writes") < at("stuck: b") && at("stuck: b") < at("gone: for good"), "{text}");
        for word in ["new", "open, gone after 1 more", "2026-11-01", "2026-11-03", "2 of 5", "5 of 8"] {
            at(word);
        }
        assert!(!text.contains("and more"), "{text}");
        let json = findings_json(&all, Path::new("kept"));
        let states: Vec<_> = json.iter().map(|one| one["state"].as_str().expect("a state")).collect();
        assert_eq!(states, ["gone", "open", "new"]);
        assert_eq!((json[1]["failed"].as_u64(), json[1]["of"].as_u64()), (Some(5), Some(6)));
        assert_eq!(json[2]["last_seen"], "2026-11-03");
    }
}
