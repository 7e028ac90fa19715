//! What a night's schedules have met that no earlier one's had.

use reenact_run::campaign::Coverage;

/// How many new states are told, each on a line.
const SHOWN: usize = 20;

/// What is new, for people.
pub fn coverage(met: &Coverage, known: &Coverage) -> String {
    let new = met.new_to(known);
    let mut text = format!("{} states were met, {} of them new", met.count(), new.len());
    for state in new.iter().take(SHOWN) {
        text += &format!("\n  new: {state}");
    }
    if new.len() > SHOWN {
        text += &format!("\n  and {} more", new.len() - SHOWN);
    }
    text
}
