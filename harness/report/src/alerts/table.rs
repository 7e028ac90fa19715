//! On the terminal.

use comfy_table::{Cell, CellAlignment};

use reenact_alerts::{Scored, Verdict, shown};

use super::{Scores, after};
use crate::table::table;

/// The columns of the table of rules, and the words that they count.
const COUNTED: [(&str, &[Verdict]); 8] = [
    ("detected", &[Verdict::Detected]),
    ("pending", &[Verdict::Pending]),
    ("never", &[Verdict::NeverTrue]),
    ("no series", &[Verdict::NoSeries]),
    ("blind", &[Verdict::Blind]),
    ("healthy", &[Verdict::FiresWhileHealthy]),
    ("FALSE", &[Verdict::FalseAlarm]),
    ("not scored", &[Verdict::NotScored]),
];

/// What happens in each scenario, what each rule is worth, and what is missing.
pub fn summary(scores: &Scores) -> String {
    let mut parts = vec![scenarios(scores), rules(scores)];
    let never = scores.never_found();
    parts.extend(never.into_iter().map(|(why, names)| {
        format!("never found anything: {}\n  {why}", names.into_iter().collect::<Vec<_>>().join(", "))
    }));
    parts.extend(scores.offers.iter().map(|offer| {
        let [from, to] = offer.after_s;
        let would_page = match offer.would_page[..] {
            [] => "silent in every look-alike".to_owned(),
            _ => format!("it fires in no look-alike, and is true for a moment in {}", offer.would_page.join(", ")),
        };
        format!("offered for {}: fires after {from:.0}–{to:.0} s; {would_page}\n{}", offer.scenario, offer.text)
    }));
    parts.push(scores.sentence());
    parts.join("\n\n")
}

fn scenarios(scores: &Scores) -> String {
    let mut table = table(&["scenario", "first alert", "after", "besides"]);
    for scored in &scores.all {
        let alarms = scored.alarms();
        let first = match (alarms.first(), scored.is_twin) {
            (Some(row), false) => scores.name(row.rule),
            (Some(row), true) => format!("FALSE ALARM: {}", scores.name(row.rule)),
            (None, false) => "nobody would have called".into(),
            (None, true) => "silent".into(),
        };
        let time = Cell::new(alarms.first().map_or_else(String::new, |row| after(row)));
        let mut row = vec![Cell::new(&scored.scenario), Cell::new(first), time.set_alignment(CellAlignment::Right)];
        row.push(Cell::new(besides(scores, scored)));
        table.add_row(row);
    }
    table.to_string()
}

fn besides(scores: &Scores, scored: &Scored) -> String {
    let mut told = Vec::new();
    let more = scored.alarms().len().saturating_sub(1);
    told.extend((more > 0).then(|| format!("{more} more")));
    for verdict in
        [Verdict::Blind, Verdict::Pending, Verdict::WouldPage, Verdict::FiresWhileHealthy, Verdict::NotScored]
    {
        let count = scored.count(verdict);
        told.extend((count > 0).then(|| format!("{count} {}", verdict.words())));
    }
    if let Some(twin) = (!scored.is_twin).then(|| scores.looks_like(scored)).flatten() {
        told.push(format!("only alerts that also fire in {twin}"));
    }
    told.join(", ")
}

fn rules(scores: &Scores) -> String {
    let rows = || scores.all.iter().flat_map(|scored| &scored.rows);
    let counted: Vec<_> = COUNTED.into_iter().filter(|(_, of)| rows().any(|row| of.contains(&row.verdict))).collect();
    let names: Vec<_> = ["rule", "for"].into_iter().chain(counted.iter().map(|(name, _)| *name)).collect();
    let mut table = table(&names);
    for (number, alert) in scores.rules.alerts() {
        let count = |of: &[Verdict]| rows().filter(|row| row.rule == number && of.contains(&row.verdict)).count();
        let wait = if alert.for_ms == 0 { "0".into() } else { shown(alert.for_ms) };
        let cells = counted.iter().map(|(_, of)| match count(of) {
            0 => "·".to_owned(),
            count => count.to_string(),
        });
        let right = std::iter::once(wait).chain(cells).map(|text| Cell::new(text).set_alignment(CellAlignment::Right));
        table.add_row(std::iter::once(Cell::new(scores.name(number))).chain(right));
    }
    table.to_string()
}

/// Each rule in each scenario, with the reason.
pub fn details(scores: &Scores) -> String {
    let mut table = table(&["scenario", "rule", "verdict", "after", "why"]);
    for scored in &scores.all {
        for row in &scored.rows {
            let words = row.verdict.words().to_owned();
            table.add_row([scored.scenario.clone(), scores.name(row.rule), words, after(row), row.reason.clone()]);
        }
    }
    table.to_string()
}
