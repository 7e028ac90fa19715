//! Rules for incidents that no rule of the user's notices: which recorded series tell it from
//! what is healthy and from every look-alike. Only those are offered that the scorer itself found
//! good.

mod candidates;

use std::{collections::BTreeMap, path::Path};

use reenact_core::Result;

use crate::{
    Promtool,
    recording::Recording,
    rules::Rules,
    score::{Options, one},
    verdict::{Scored, Verdict},
};

use candidates::{Candidate, candidates};

/// How many candidates are scored, and how many are offered, for an incident.
const TRIED: usize = 8;
const OFFERED: usize = 2;

/// A rule that notices an incident and fires in no look-alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The incident.
    pub scenario: String,
    /// The rule, to paste under `rules:`.
    pub text: String,
    /// How soon it fires, in seconds of production: the shortest and the longest time.
    pub after_s: [f64; 2],
    /// The look-alikes in which it is true for a moment, and does not fire.
    pub would_page: Vec<String>,
}

/// Rules for the incidents that nobody notices, scored against `look_alikes` too.
///
/// # Errors
/// As [`crate::score`].
pub fn offers(unnoticed: &[&Scored], all: &[Scored], options: &Options, promtool: &Promtool) -> Result<Vec<Offer>> {
    if unnoticed.is_empty() {
        return Ok(Vec::new());
    }
    let read = |scored: &Scored| Recording::read(&scored.recording, &options.relabel);
    let twins = all.iter().filter(|scored| scored.is_twin).map(read).collect::<Result<Vec<_>>>()?;
    let mut offers = Vec::new();
    for scored in unnoticed {
        offers.extend(for_one(&read(scored)?, &twins, options, promtool)?);
    }
    Ok(offers)
}

fn for_one(incident: &Recording, twins: &[Recording], options: &Options, promtool: &Promtool) -> Result<Vec<Offer>> {
    let tried: Vec<_> = candidates(incident, twins).into_iter().take(TRIED).collect();
    let rules = as_rules(&tried)?;
    let own = one(&rules, incident, options, promtool)?;
    let good = own.rows.iter().filter(|row| row.verdict == Verdict::Detected).map(|row| row.rule);
    let mut would_page: BTreeMap<usize, Vec<String>> = good.map(|rule| (rule, Vec::new())).collect();
    // Of another system too: `up` and what probes a port are everywhere.
    for twin in twins {
        if would_page.is_empty() {
            break;
        }
        for row in one(&rules, twin, options, promtool)?.rows {
            match row.verdict {
                Verdict::FalseAlarm => drop(would_page.remove(&row.rule)),
                Verdict::WouldPage => {
                    if let Some(named) = would_page.get_mut(&row.rule) {
                        named.push(twin.head.scenario.clone());
                    }
                }
                _ => {}
            }
        }
    }
    let mut offers: Vec<_> = would_page
        .into_iter()
        .filter_map(|(rule, would_page)| {
            let after_s = own.rows.iter().find(|row| row.rule == rule)?.after_s?;
            let text = tried.get(rule)?.text(&incident.head.scenario);
            Some(Offer { scenario: incident.head.scenario.clone(), text, after_s, would_page })
        })
        .collect();
    offers.sort_by_key(|offer| offer.would_page.len());
    offers.truncate(OFFERED);
    Ok(offers)
}

fn as_rules(candidates: &[Candidate]) -> Result<Rules> {
    let mut rules = Rules::default();
    let text: String = candidates.iter().map(|candidate| candidate.text("offered::rule")).collect();
    rules.add(Path::new("offered.yml"), &format!("groups:\n- name: offered\n  rules:\n{text}"))?;
    Ok(rules)
}

#[cfg(test)]
mod tests;
