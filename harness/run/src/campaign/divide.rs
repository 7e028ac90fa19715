//! Divides scenarios among machines that share them.

use std::collections::BTreeMap;

use super::{Scenario, Shard, longest_first};

/// A shard's part of scenarios. The longest are dealt first, each to the shard that has least to
/// do by then, so that all end at about the same time. Durations are in any unit; one that is not
/// known is taken for the middle one. Whoever knows the same durations divides alike.
pub fn part_of<'a>(scenarios: Vec<&'a Scenario>, durations: &BTreeMap<String, f64>, shard: Shard) -> Vec<&'a Scenario> {
    let durations = with_all(&scenarios, durations);
    let mut loads = vec![0.0; shard.of as usize];
    let mut part = Vec::new();
    for scenario in longest_first(scenarios, &durations) {
        let Some(least) = (0..loads.len()).min_by(|a, b| f64::total_cmp(&loads[*a], &loads[*b])) else { break };
        loads[least] += durations.get(&scenario.id).copied().unwrap_or_default();
        if least + 1 == shard.number as usize {
            part.push(scenario);
        }
    }
    part
}

/// The durations of these scenarios, the unknown ones too.
fn with_all(scenarios: &[&Scenario], known: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let there: Vec<f64> = scenarios.iter().filter_map(|scenario| known.get(&scenario.id).copied()).collect();
    let middle = reenact_core::stats::median(there).unwrap_or(1.0);
    let lasts = |id: &String| known.get(id).copied().unwrap_or(middle);
    scenarios.iter().map(|scenario| (scenario.id.clone(), lasts(&scenario.id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Kind;

    fn divided(durations: &[(&str, Option<f64>)], of: u32) -> Vec<Vec<String>> {
        let all: Vec<_> = durations.iter().map(|(id, _)| Scenario::told(id, Kind::Incident)).collect();
        let known = durations.iter().filter_map(|(id, lasts)| Some(((*id).to_owned(), (*lasts)?))).collect();
        let part = |number| part_of(all.iter().collect(), &known, Shard { number, of });
        (1..=of).map(|number| part(number).iter().map(|scenario| scenario.id.clone()).collect()).collect()
    }

    #[test]
    fn the_longest_are_dealt_first_to_whoever_has_least_to_do() {
        let durations = [("a", Some(2.0)), ("b", Some(7.0)), ("c", Some(4.0)), ("d", Some(1.0))];
        assert_eq!(divided(&durations, 2), [vec!["b"], vec!["c", "a", "d"]]);
        assert_eq!(divided(&durations, 1), [["b", "c", "a", "d"]]);
    }

    #[test]
    fn what_is_unknown_counts_as_the_middle_and_more_shards_than_scenarios_leave_some_empty() {
        let durations = [("a", None), ("b", Some(3.0)), ("c", None), ("d", Some(3.0))];
        assert!(divided(&durations, 2).iter().all(|part| part.len() == 2), "{:?}", divided(&durations, 2));
        assert!(divided(&[("a", None), ("b", None)], 2).iter().all(|part| part.len() == 1));
        assert_eq!(divided(&durations, 6).iter().filter(|part| part.is_empty()).count(), 2);
    }
}
