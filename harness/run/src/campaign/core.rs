//! The core: the few scenarios that try out, among them, each detector, each right runbook,
//! each kind of wrong runbook and of harm in each system, each fault, each mark of a report,
//! and one look-alike of each combination of faults. The rest are variants of what the core tries.
//!
//! It is computed from the incidents' values, so that it needs no list to be kept: who brings
//! what nobody has tried is in it.

use std::collections::BTreeSet;

use super::{Kind, Scenario};
use crate::incident::{Action, Expected, How, Incident, Stated, System};

/// What an incident tries out, each thing by a name of its own.
pub(super) fn covered<S: System>(incident: &Incident<S>) -> BTreeSet<String> {
    let system = incident.id.split("::").next().unwrap_or(incident.id);
    let mut all = BTreeSet::new();
    let mut put = |what: &str, name: &str| _ = all.insert(format!("{system}: {what}: {name}"));
    for act in &incident.acts {
        let by: &[Action<S>] = match &act.ends.how {
            How::Harm(harmful) => &harmful.by,
            _ => &[],
        };
        for fault in act.breaks.iter().chain(&act.detected.then).chain(by).filter_map(|action| action.fault) {
            put("fault", fault);
        }
        if let Stated::Given(marks) = &act.fingerprints {
            marks.all.iter().for_each(|mark| put("mark", mark.id));
        }
        if let Stated::Given((detector, _)) = act.detected.by {
            put("detector", detector);
        }
        if let Stated::Given(wrong) = &act.wrong {
            for wrong in wrong {
                put("wrong runbook", kind(wrong.expected));
            }
        }
        match &act.ends.how {
            How::HealedBy(right, _) => put("right runbook", &right.what),
            How::Harm(harmful) => harmful.kinds.iter().for_each(|kind| put("harm", kind.name())),
            How::ByItself(_) => put("end", "by itself"),
            How::GoesOn | How::AsDiagnosed(_) => {}
        }
    }
    if incident.acts.iter().all(|act| matches!(act.detected.by, Stated::Not(_))) {
        let breaks = incident.acts.iter().flat_map(|act| &act.breaks);
        let faults: BTreeSet<_> = breaks.filter_map(|action| action.fault).collect();
        let how = faults.into_iter().collect::<Vec<_>>().join(" and ");
        put("look-alike", if how.is_empty() { "an operator's work" } else { &how });
    }
    all
}

fn kind(expected: Expected) -> &'static str {
    match expected {
        Expected::Refuses => "refuses",
        Expected::Useless(_) => "useless",
        Expected::Deceives(_) => "deceives",
    }
}

/// Chooses the core: time and again the scenario that tries most, an act, of what is not tried
/// yet. Those that were chosen early, and of which all is tried by later ones, leave it again.
/// The healthy look-alikes, with which each system's false alarms are counted, always belong to it.
pub(super) fn choose(all: &mut [Scenario]) {
    let mut left: BTreeSet<String> = all.iter().flat_map(|scenario| scenario.covers.iter().cloned()).collect();
    let mut chosen: Vec<usize> = (0..all.len()).filter(|at| is_healthy(&all[*at])).collect();
    for at in &chosen {
        left.retain(|what| !all[*at].covers.contains(what));
    }
    let healthy = chosen.len();
    while !left.is_empty() {
        let news = |at: &usize| all[*at].covers.intersection(&left).count();
        // Of equals the first by name, and an incident before a look-alike.
        let rank = |at: &usize| (news(at) * MOST_ACTS / all[*at].acts.max(1), all[*at].kind == Kind::Incident);
        let Some(best) = (0..all.len()).rev().filter(|at| news(at) > 0).max_by_key(rank) else { break };
        left.retain(|what| !all[best].covers.contains(what));
        chosen.push(best);
    }
    let mut at = healthy;
    while let Some(early) = chosen.get(at) {
        if alone(all, *early, &chosen).is_empty() { _ = chosen.remove(at) } else { at += 1 }
    }
    for at in &chosen {
        (all[*at].alone, all[*at].core) = (alone(all, *at, &chosen), true);
    }
}

/// What one of the chosen tries and no other does.
fn alone(all: &[Scenario], at: usize, chosen: &[usize]) -> BTreeSet<String> {
    let others = chosen.iter().filter(|other| **other != at);
    let others: BTreeSet<&String> = others.flat_map(|other| &all[*other].covers).collect();
    all[at].covers.iter().filter(|what| !others.contains(what)).cloned().collect()
}

/// More acts than any story has, so that shares of it are told apart.
const MOST_ACTS: usize = 60;

fn is_healthy(scenario: &Scenario) -> bool {
    scenario.id.ends_with("twin_healthy_under_load")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(id: &str, kind: Kind, covers: &[&str]) -> Scenario {
        let mut scenario = Scenario::told(id, kind);
        scenario.covers = covers.iter().map(|&what| what.into()).collect();
        scenario
    }

    #[test]
    fn the_core_tries_all_and_no_variant_of_what_it_tries() {
        let mut all = [
            scenario("a::1", Kind::Incident, &["x", "y"]),
            scenario("a::2", Kind::Incident, &["x", "y"]),
            scenario("a::3", Kind::Incident, &["z"]),
            scenario("a::twin", Kind::Twin, &["z"]),
            scenario("a::twin_healthy_under_load", Kind::Twin, &[]),
        ];
        choose(&mut all);
        let core: Vec<_> = all.iter().filter(|scenario| scenario.core).map(|scenario| scenario.id.as_str()).collect();
        assert_eq!(core, ["a::1", "a::3", "a::twin_healthy_under_load"]);
        assert_eq!(all[0].alone, ["x", "y"].map(str::to_owned).into());
        assert!(all[1].alone.is_empty() && all[4].alone.is_empty());
    }

    #[test]
    fn who_was_chosen_first_leaves_when_later_ones_try_all_of_it() {
        let mut all = [
            scenario("a::both", Kind::Incident, &["x", "y", "z"]),
            scenario("a::first", Kind::Incident, &["v", "x", "y"]),
            scenario("a::second", Kind::Incident, &["w", "z"]),
        ];
        choose(&mut all);
        assert_eq!(all.map(|scenario| scenario.core), [false, true, true]);
    }

    #[test]
    fn a_long_story_is_chosen_for_what_it_tries_an_act() {
        let mut long = scenario("a::long", Kind::Incident, &["x", "y", "z"]);
        long.acts = 3;
        let mut all = [long, scenario("a::x", Kind::Incident, &["x"]), scenario("a::yz", Kind::Incident, &["y", "z"])];
        choose(&mut all);
        assert_eq!(all.map(|scenario| scenario.core), [false, true, true]);
    }
}
