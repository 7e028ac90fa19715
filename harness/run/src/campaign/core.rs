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

/// Chooses the core: time and again the scenario that tries most of what is not tried yet. The
/// healthy look-alikes, with which each system's false alarms are counted, always belong to it.
pub(super) fn choose(all: &mut [Scenario]) {
    let mut left: BTreeSet<String> = all.iter().flat_map(|scenario| scenario.covers.iter().cloned()).collect();
    for scenario in all.iter_mut().filter(|scenario| scenario.id.ends_with("twin_healthy_under_load")) {
        scenario.core = true;
        left.retain(|what| !scenario.covers.contains(what));
    }
    while !left.is_empty() {
        let news = |scenario: &&mut Scenario| scenario.covers.intersection(&left).count();
        // Of equals the first by name, and an incident before a look-alike.
        let rank = |scenario: &&mut Scenario| (news(scenario), scenario.kind == Kind::Incident);
        let Some(best) = all.iter_mut().rev().filter(|scenario| !scenario.core).max_by_key(rank) else { return };
        left.retain(|what| !best.covers.contains(what));
        best.core = true;
    }
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
    }
}
