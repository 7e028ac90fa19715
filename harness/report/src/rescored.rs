//! What became of recorded verdicts, for people and machines.

use serde_json::{Value, json};

use super::table::table;
use reenact_core::probe::Moment;
use reenact_run::archive::{Change, Rescored, VerdictChange};

/// One rescored run as a JSON object.
pub fn rescored_json(rescored: &Rescored) -> Value {
    let run = &rescored.run;
    let mut row = json!({ "id": run.id, "run": run.run, "seed": run.seed, "run_dir": run.run_dir });
    if let (Value::Object(row), Ok(Value::Object(more))) = (&mut row, serde_json::to_value(rescored)) {
        row.extend(more);
    }
    row
}

/// What differs, a row per detector of a run; `None` if nothing does.
pub fn rescored(all: &[Rescored]) -> Option<String> {
    let mut table = table(&["run", "detector", "recorded → today", "in detail"]);
    for rescored in all {
        for change in &rescored.changes {
            let run = format!("{} #{}", rescored.run.id, rescored.run.run);
            table.add_row([run, change.detector.clone(), words(change), details(change)]);
        }
    }
    all.iter().any(|rescored| !rescored.changes.is_empty()).then(|| table.to_string())
}

/// How many runs, how many differ, and how fast that was.
pub fn rescored_summary(all: &[Rescored]) -> String {
    let differ = all.iter().filter(|rescored| !rescored.changes.is_empty()).count();
    let (runs, seen) = (all.len(), all.iter().map(|rescored| rescored.observations).sum::<usize>());
    let lasted = all.iter().map(|rescored| rescored.lasts_ms as f64).sum::<f64>();
    let took = all.iter().map(|rescored| rescored.took_ms).sum::<f64>().max(f64::MIN_POSITIVE);
    let verdict = match differ {
        0 => "all verdicts are the same".to_owned(),
        _ => format!("{differ} of {runs} differ"),
    };
    format!(
        "{runs} run{} rescored: {verdict}\n{seen} observations over {:.1} s in {:.3} s: {:.0} times real time",
        if runs == 1 { "" } else { "s" },
        lasted / 1000.0,
        took / 1000.0,
        lasted / took,
    )
}

fn words(change: &Change) -> String {
    let was = change.was.as_deref().unwrap_or("not there");
    let is = change.is.as_deref().unwrap_or("not there");
    if was == is { was.to_owned() } else { format!("{was} → {is}") }
}

fn details(change: &Change) -> String {
    change.turns.iter().map(turn).collect::<Vec<_>>().join("\n")
}

fn turn(turn: &VerdictChange) -> String {
    let episode = |number: &usize| if *number == 1 { String::new() } else { format!(", episode {number}") };
    match turn {
        VerdictChange::Fires { episode: number, was, is } => {
            format!("fires {} ({was} → {is}){}", shift(*was, *is), episode(number))
        }
        VerdictChange::Ceases { episode: number, was: Some(was), is: Some(is) } => {
            format!("ceases {} ({was} → {is}){}", shift(*was, *is), episode(number))
        }
        VerdictChange::Ceases { episode: number, was: Some(was), .. } => {
            format!("ceases no more (did at {was}){}", episode(number))
        }
        VerdictChange::Ceases { episode: number, is, .. } => {
            format!("ceases now, at {}{}", is.map_or_else(String::new, |is| is.to_string()), episode(number))
        }
        VerdictChange::Evidence { episode: number, was, is } => {
            format!("other evidence{}:\n  {}\n→ {}", episode(number), was.join("; "), is.join("; "))
        }
        VerdictChange::Count { was, is } => format!("fires {is} times, not {was}"),
    }
}

fn shift(was: Moment, is: Moment) -> String {
    if is < was {
        format!("{:.3} s earlier", was.since(is).as_secs_f64())
    } else {
        format!("{:.3} s later", is.since(was).as_secs_f64())
    }
}
