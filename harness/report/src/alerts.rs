//! Alert rules against incidents and look-alikes, for people and machines.

mod beside;
mod junit;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use reenact_alerts::{Offer, Row, Rules, Scored, Verdict};

pub use beside::{Beside, keep_beside};
pub use junit::junit;
pub use table::{details, summary};

/// What the rules did, in all recordings.
#[derive(Debug)]
pub struct Scores {
    /// The rules.
    pub rules: Rules,
    /// What each did in each scenario, by the scenarios' ids.
    pub all: Vec<Scored>,
    /// Rules for incidents that none of them notices, where they were asked for.
    pub offers: Vec<Offer>,
}

impl Scores {
    /// One object for each rule in each scenario.
    pub fn json(&self) -> impl Iterator<Item = Value> {
        let rows = self.all.iter().flat_map(|scored| scored.rows.iter().map(move |row| (scored, row)));
        rows.map(|(scored, row)| {
            let alert = self.rules.alert(row.rule);
            json!({
                "rule": alert.name,
                "file": alert.file,
                "scenario": scored.scenario,
                "verdict": row.verdict,
                "after_s": row.after_s,
                "reason": row.reason,
            })
        })
    }

    /// 0: every incident is noticed, and there is no false alarm; 1: not so; 4: something was not
    /// scored that should have been.
    pub fn exit_code(&self, require: bool) -> u8 {
        let is_open = self.all.iter().any(|scored| scored.count(Verdict::NotScored) > 0);
        match self.all.iter().all(Scored::is_good) {
            _ if require && is_open => 4,
            true => 0,
            false => 1,
        }
    }

    /// The incidents that nobody notices.
    pub fn unnoticed(&self) -> Vec<&Scored> {
        self.all.iter().filter(|scored| !scored.is_twin && !scored.is_good()).collect()
    }

    /// The look-alikes that each rule fires in, by the rule's number.
    fn false_alarms(&self) -> BTreeMap<usize, Vec<&str>> {
        let mut all: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for scored in self.all.iter().filter(|scored| scored.is_twin) {
            for row in scored.alarms() {
                all.entry(row.rule).or_default().push(&scored.scenario);
            }
        }
        all
    }

    /// A look-alike that each of the rules fires in that notice this incident: whoever is called
    /// cannot tell them apart.
    pub(crate) fn looks_like(&self, scored: &Scored) -> Option<&str> {
        let false_alarms = self.false_alarms();
        let mut noticed = scored.alarms().into_iter().map(|row| false_alarms.get(&row.rule));
        let first = noticed.next()??;
        let mut common: BTreeSet<&str> = first.iter().copied().collect();
        for other in noticed {
            let other = other?;
            common.retain(|twin| other.contains(twin));
        }
        common.pop_first()
    }

    /// How many incidents are noticed, and how many look-alikes are left alone.
    pub(crate) fn sentence(&self) -> String {
        let (twins, incidents): (Vec<&Scored>, Vec<&Scored>) = self.all.iter().partition(|scored| scored.is_twin);
        let good = |all: &[&Scored]| all.iter().filter(|scored| scored.is_good()).count();
        let of = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let mut told = Vec::new();
        if !incidents.is_empty() {
            told.push(format!("{} of {} noticed", good(&incidents), of(incidents.len(), "incident")));
        }
        if !twins.is_empty() {
            told.push(format!("{} of {} without an alarm", good(&twins), of(twins.len(), "look-alike")));
        }
        told.join("; ")
    }

    /// A rule's name; where others share it, with its place.
    pub(crate) fn name(&self, rule: usize) -> String {
        let alert = self.rules.alert(rule);
        let is_shared = self.rules.alerts().any(|(other, with)| other != rule && with.name == alert.name);
        if is_shared { format!("{} ({})", alert.name, alert.place()) } else { alert.name.clone() }
    }

    /// Why rules never found what they select, each reason once, with those that say so.
    fn never_found(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (number, _) in self.rules.alerts() {
            let rows = || self.all.iter().flat_map(|scored| &scored.rows).filter(|row| row.rule == number);
            let says = |verdict: Verdict| rows().any(|row| row.verdict == verdict);
            let is_dead = !says(Verdict::Detected) && !says(Verdict::Pending) && !says(Verdict::NeverTrue);
            // A matcher that matches none is more telling than a metric of another system.
            let why = rows()
                .filter(|row| row.verdict == Verdict::NoSeries)
                .max_by_key(|row| row.reason.contains("matches none"));
            if let (true, Some(why)) = (is_dead && !says(Verdict::Blind), why) {
                told.entry(why.reason.clone()).or_default().insert(self.name(number));
            }
        }
        told
    }
}

/// `303–320 s`.
pub(crate) fn after(row: &Row) -> String {
    match row.after_s {
        Some([from, to]) if (from - to).abs() < 1.0 => format!("{from:.0} s"),
        Some([from, to]) => format!("{from:.0}–{to:.0} s"),
        None => String::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
