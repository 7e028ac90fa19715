//! The lists of scenarios that stand in documents, made from the incidents' values.

use std::{collections::BTreeMap, fmt::Write};

use crate::alerts::{Scores, after};
use reenact_core::{Error, Result, detect};
use reenact_run::{
    campaign::{
        Kind, Playable, Scenario,
        simulation::{self, Nights},
    },
    contract::Proof,
};

/// One row for each system: how many incidents, look-alikes and detectors it has.
pub fn systems(scenarios: &[&Scenario]) -> String {
    let mut page = String::from("| system | incidents | look-alikes | detectors |\n|---|---|---|---|\n");
    for (system, of) in by_system(scenarios) {
        let twins = of.iter().filter(|scenario| scenario.kind == Kind::Twin).count();
        let detectors = detect::all().iter().filter(|entry| entry.id.split('/').next() == Some(system)).count();
        let _ = writeln!(page, "| `{system}` | {} | {twins} | {detectors} |", of.len() - twins);
    }
    page
}

/// Every scenario, by system: what happens, who must notice, how it ends, and which steps of
/// the contract do not apply.
pub fn scenarios(scenarios: &[&Scenario]) -> String {
    let mut page = String::new();
    for (system, of) in by_system(scenarios) {
        let _ = writeln!(page, "## {system}\n\n| scenario | what happens | must fire | runbooks |\n|---|---|---|---|");
        for scenario in of {
            let fires = scenario.detector.map_or_else(|| "nothing".to_owned(), |id| format!("`{id}`"));
            let runbooks = scenario.runbooks.iter().map(|text| cell(text)).collect::<Vec<_>>().join("<br>");
            let _ = writeln!(page, "| `{}` | {} | {fires} | {runbooks} |", scenario.id, cell(&scenario.story));
        }
        page.push('\n');
    }
    page.trim_end().to_owned() + "\n"
}

/// How many states each night of so many schedules would meet for the first time, one row for each system: by
/// a simulation.
///
/// # Errors
/// As [`simulation::nights`].
pub fn simulated(systems: &[&Playable], seed: u64, nights: u64, schedules: u64) -> Result<String> {
    let titles: String = (1..=nights).map(|night| format!(" night {night} |")).collect();
    let lines = "---|".repeat(nights as usize);
    let mut page = format!("| system | schedules are |{titles} all |\n|---|---|{lines}---|\n");
    for playable in systems {
        let Nights { unguided, guided } = simulation::nights(playable, seed, nights, schedules)?;
        for (how, new) in [("drawn alone", unguided), ("guided by the map", guided)] {
            let each: String = new.iter().map(|count| format!(" {count} |")).collect();
            let _ = writeln!(page, "| `{}` | {how} |{each} {} |", playable.system, new.iter().sum::<usize>());
        }
    }
    Ok(page)
}

/// The steps of the contract that do not apply to an incident, each with its reason.
pub fn reasons(scenarios: &[&Scenario]) -> String {
    let mut page = String::from("| incident | step | why it does not apply |\n|---|---|---|\n");
    for scenario in scenarios.iter().filter(|scenario| scenario.kind == Kind::Incident) {
        for (step, proof) in &scenario.contract {
            if let Proof::Reason(why) = proof {
                let _ = writeln!(page, "| `{}` | {step} | {} |", scenario.id, cell(why));
            }
        }
    }
    page
}

fn by_system<'s>(scenarios: &[&'s Scenario]) -> BTreeMap<&'s str, Vec<&'s Scenario>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for scenario in scenarios {
        all.entry(scenario.system()).or_default().push(*scenario);
    }
    all
}

/// What each incident is first noticed by, and which detector of ours notices what no rule does.
pub fn alerts(scores: &Scores, scenarios: &[&Scenario]) -> String {
    let mut page = String::from("| scenario | first alert | after | besides |\n|---|---|---|---|\n");
    for scored in &scores.all {
        let detector =
            scenarios.iter().find(|scenario| scenario.id == scored.scenario).and_then(|known| known.detector);
        let alarms = scored.alarms();
        let (first, after) = match (alarms.first(), scored.is_twin) {
            (Some(row), false) => (format!("`{}`", scores.name(row.rule)), after(row)),
            (Some(row), true) => (format!("FALSE ALARM: `{}`", scores.name(row.rule)), after(row)),
            (None, true) => ("silent".to_owned(), String::new()),
            (None, false) => {
                let instead = detector.map_or_else(String::new, |id| format!("; the detector `{id}` does"));
                (format!("none{instead}"), String::new())
            }
        };
        let more = alarms.len().saturating_sub(1);
        let besides = if more == 0 { String::new() } else { format!("{more} more") };
        let _ = writeln!(page, "| `{}` | {first} | {after} | {besides} |", scored.scenario);
    }
    let _ = writeln!(page, "\n{}.", scores.sentence());
    page
}

/// A text as a table's cell has it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Replaces what stands in a document between `<!-- NAME -->` and `<!-- end of NAME -->`.
///
/// # Errors
/// [`Error::Usage`] if it has no such place.
pub fn replace(document: &str, name: &str, by: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let parts = document.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let (head, tail) = parts.ok_or_else(|| {
        Error::usage(format!("the document has no place for {name:?}"), format!("put {begin:?} and {end:?} into it"))
    })?;
    Ok(format!("{head}{begin}{by}{end}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let document = "a\n<!-- list -->\nold\n<!-- end of list -->\nz\n";
        let replaced = replace(document, "list", "new\n").expect("it has the place");
        assert_eq!(replaced, "a\n<!-- list -->\nnew\n<!-- end of list -->\nz\n");
        assert!(replace("a\n", "list", "new\n").is_err());
    }

    #[test]
    fn a_table_survives_any_text() {
        let mut scenario = Scenario::told("a::b", Kind::Incident);
        scenario.story = "one | two\nthree".into();
        let page = scenarios(&[&scenario]);
        assert!(page.contains("| one \\| two three |"), "{page}");
    }
}
