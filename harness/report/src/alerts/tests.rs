use super::*;
use reenact_alerts::Spell;

const RULES: &str = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, for: 5m}\n  - {alert: Down, expr: x == 0}\n  \
                     - {alert: Deaf, expr: y == 0}\n";

fn row(rule: usize, verdict: Verdict) -> Row {
    let fires = matches!(verdict, Verdict::Detected | Verdict::FalseAlarm);
    Row {
        rule,
        verdict,
        after_s: fires.then_some([303.0, 320.4]),
        reason: if verdict == Verdict::NoSeries {
            "y: matcher job=\"p\" matches none; recorded: job=q".into()
        } else {
            String::new()
        },
        pending: fires.then_some(Spell { from: 3.0, to: 288.0, goes_on: false }),
        firing: fires.then_some(Spell { from: 303.0, to: 500.0, goes_on: true }),
    }
}

fn scored(scenario: &str, words: [Verdict; 3]) -> Scored {
    Scored {
        scenario: scenario.into(),
        is_twin: scenario.contains("twin"),
        recording: "r.jsonl.gz".into(),
        onset_ms: 6000,
        pace: 1.0,
        broken_s: 9.0,
        held_s: 24.0,
        lasts_s: Some(120),
        rows: words.into_iter().enumerate().map(|(rule, verdict)| row(rule, verdict)).collect(),
    }
}

/// Scores of made-up scenarios: an incident that is noticed, one that is not, and look-alikes.
pub(crate) fn scores(all: Vec<Scored>) -> Scores {
    let file = tempfile::NamedTempFile::with_suffix(".yml").expect("a file");
    std::fs::write(file.path(), RULES).expect("rules");
    let rules = Rules::read(&[file.path().to_owned()]).expect("rules");
    Scores { rules, all, offers: Vec::new() }
}

pub(crate) fn noticed() -> Scored {
    scored("galera::wedge", [Verdict::Detected, Verdict::NeverTrue, Verdict::NoSeries])
}

pub(crate) fn unnoticed() -> Scored {
    scored("galera::quiet", [Verdict::NeverTrue, Verdict::Blind, Verdict::NoSeries])
}

pub(crate) fn quiet_twin() -> Scored {
    scored("galera::twin_load", [Verdict::Silent, Verdict::WouldPage, Verdict::Silent])
}

pub(crate) fn loud_twin() -> Scored {
    scored("galera::twin_restart", [Verdict::FalseAlarm, Verdict::Silent, Verdict::Silent])
}

#[test]
fn a_row_of_json_has_these_fields_and_no_others() {
    let scores = scores(vec![noticed(), quiet_twin()]);
    let rows: Vec<Value> = scores.json().collect();
    assert_eq!(rows.len(), 6);
    let fields: Vec<_> = rows[0].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["after_s", "file", "reason", "rule", "scenario", "verdict"]);
    assert_eq!(rows[0]["verdict"], "detected");
    assert_eq!(rows[0]["after_s"], json!([303.0, 320.4]));
    assert_eq!((&rows[4]["verdict"], &rows[4]["after_s"]), (&json!("would_page"), &Value::Null));
}

#[test]
fn the_exit_code_tells_what_is_missing() {
    assert_eq!(scores(vec![noticed(), quiet_twin()]).exit_code(false), 0);
    assert_eq!(scores(vec![noticed(), unnoticed()]).exit_code(false), 1);
    assert_eq!(scores(vec![noticed(), loud_twin()]).exit_code(false), 1);
    let open = scored("galera::open", [Verdict::Detected, Verdict::NotScored, Verdict::NeverTrue]);
    assert_eq!((scores(vec![open.clone()]).exit_code(false), scores(vec![open]).exit_code(true)), (0, 4));
}

#[test]
fn the_summary_names_the_first_alert_and_who_would_not_have_called() {
    let scores = scores(vec![noticed(), unnoticed(), quiet_twin(), loud_twin()]);
    let text = summary(&scores);
    let line = |name: &str| text.lines().find(|line| line.contains(name)).expect("a line").to_owned();
    assert!(line("galera::wedge").contains("303–320 s"), "{text}");
    assert!(text.contains("only alerts that also fire in"), "{text}");
    assert!(line("galera::quiet").contains("nobody would have called"), "{text}");
    assert!(text.contains("FALSE ALARM: Down"), "{text}");
    assert!(text.contains("1 of 2 incidents noticed; 1 of 2 look-alikes without an alarm"), "{text}");
    assert!(
        text.contains("never found anything: Deaf\n  y: matcher job=\"p\" matches none; recorded: job=q"),
        "{text}"
    );
    assert!(details(&scores).contains("would page"));
}

#[test]
fn rules_of_one_name_are_told_apart_by_their_place() {
    let scores = scores(vec![noticed()]);
    assert!(scores.name(0).ends_with(".yml:4)") && scores.name(1).ends_with(".yml:5)"));
    assert_eq!(scores.name(2), "Deaf");
}

#[test]
fn junit_fails_for_who_would_not_have_called_and_for_false_alarms() {
    let scores = scores(vec![noticed(), unnoticed(), quiet_twin(), loud_twin()]);
    let text = junit(&scores, false).expect("junit");
    assert!(text.contains("failures=\"2\""), "{text}");
    assert!(text.contains("nobody would have called") && text.contains("false alarm: Down"), "{text}");
}
