//! What became worse, for the terminal and for CI's page.

use std::collections::BTreeSet;

use super::table::table;
use crate::compare::{Compared, Sample, Worse, wilson};
use reenact_core::stats::median;

const HEADER: [&str; 7] = ["scenario", "passed", "detect", "recover", "lost", "alarms", ""];

/// The verdict, what is worse, and a table of all scenarios.
pub fn compared(compared: &Compared) -> String {
    let mut table = table(&HEADER);
    for row in rows(compared) {
        table.add_row(row);
    }
    let mut lines = vec![table.to_string()];
    lines.extend(compared.worse.iter().map(|worse| format!("{}: {}", grade(worse), sentence(worse))));
    lines.extend(notes(compared));
    lines.push(verdict(compared));
    lines.join("\n")
}

/// The same in Markdown.
pub fn compared_markdown(compared: &Compared) -> String {
    let mark = if compared.has_regression() { "❌" } else { "✅" };
    let mut text = format!("### {mark} {}\n\n", verdict(compared));
    for worse in &compared.worse {
        let grade = if worse.regression { format!("**{}**", grade(worse)) } else { grade(worse).into() };
        text.push_str(&format!("- {grade}: {}\n", escape(&sentence(worse))));
    }
    for note in notes(compared) {
        text.push_str(&format!("- {}\n", escape(&note)));
    }
    text.push_str("\n<details><summary>All scenarios</summary>\n\n");
    text.push_str(&format!("| {} |\n|{}\n", HEADER.join(" | "), "---|".repeat(HEADER.len())));
    for row in rows(compared) {
        text.push_str(&format!("| {} |\n", row.map(|cell| escape(&cell)).join(" | ")));
    }
    text.push_str("\n</details>\n");
    text
}

fn verdict(compared: &Compared) -> String {
    let count = |regression| compared.worse.iter().filter(|worse| worse.regression == regression).count();
    let scenarios = compared.base.scenarios.keys().filter(|id| compared.run.scenarios.contains_key(*id)).count();
    let verdict = match count(true) {
        0 => "no regression".to_owned(),
        1 => "1 regression".to_owned(),
        more => format!("{more} regressions"),
    };
    let unsure = match count(false) {
        0 => String::new(),
        some => format!(", {some} that may be one"),
    };
    format!("{verdict}{unsure} in {scenarios} scenarios of both")
}

fn grade(worse: &Worse) -> &'static str {
    if worse.regression { "REGRESSION" } else { "worse, not proved" }
}

fn sentence(worse: &Worse) -> String {
    let p = worse.p.map_or_else(String::new, |p| format!(" (p = {p:.4})"));
    format!("{} {}: {}{p}", worse.scenario, worse.what.word(), worse.text)
}

fn notes(compared: &Compared) -> Vec<String> {
    let list = |what: &str, ids: &[String]| (!ids.is_empty()).then(|| format!("{what}: {}", ids.join(", ")));
    let unlike = "full in one and quick in the other, so times may differ for that alone";
    [list("not run now", &compared.missing), list("new", &compared.new), list(unlike, &compared.unlike)]
        .into_iter()
        .flatten()
        .collect()
}

fn rows(compared: &Compared) -> Vec<[String; 7]> {
    let ids: BTreeSet<_> = compared.base.scenarios.keys().chain(compared.run.scenarios.keys()).collect();
    ids.into_iter().map(|id| row(id, compared)).collect()
}

fn row(id: &str, compared: &Compared) -> [String; 7] {
    let none = Sample::default();
    let base = compared.base.scenarios.get(id).unwrap_or(&none);
    let run = compared.run.scenarios.get(id).unwrap_or(&none);
    let sign = match (compared.worse.iter().find(|worse| worse.scenario == id), base == &none, run == &none) {
        (Some(worse), ..) if worse.regression => "REGRESSION",
        (Some(_), ..) => "worse?",
        (None, true, _) => "new",
        (None, _, true) => "not run",
        _ => "",
    };
    let alarms = |sample: &Sample| sample.false_alarms.values().sum::<usize>().to_string();
    [
        id.to_owned(),
        turn(passed(base), passed_with_interval(run)),
        turn(time(&base.detect_ms), time(&run.detect_ms)),
        turn(time(&base.recover_ms), time(&run.recover_ms)),
        turn(base.lost.to_string(), run.lost.to_string()),
        turn(alarms(base), alarms(run)),
        sign.to_owned(),
    ]
}

fn turn(was: String, is: String) -> String {
    if was == is { is } else { format!("{was} → {is}") }
}

fn passed(sample: &Sample) -> String {
    let (passed, runs) = sample.passed();
    if runs == 0 { "–".into() } else { format!("{passed} of {runs}") }
}

/// With Wilson's 95 % interval, unless all passed.
fn passed_with_interval(sample: &Sample) -> String {
    let (passed_runs, runs) = sample.passed();
    let (low, high) = wilson(passed_runs, runs);
    let text = passed(sample);
    if passed_runs == runs { text } else { format!("{text} ({:.0} to {:.0} %)", low * 100.0, high * 100.0) }
}

fn time(ms: &[f64]) -> String {
    median(ms.to_vec()).map_or_else(|| "–".into(), |ms| format!("{:.1} s", ms / 1000.0))
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
