//! What is said to heal is what the suite has proved to heal.

use reenact::{
    campaign,
    diagnose::{self, Gathered, Inventory, Report, Section},
};

/// Each runbook that a diagnosis names cures it by the suite's own table, or by a scenario that
/// holds it to be right; or it is said that there is none.
#[test]
fn every_runbook_that_is_named_heals_in_the_suite() {
    let scenarios = campaign::all().expect("the scenarios");
    // The suite's nodes have names; in an advice one is `it`.
    let nodes = regex(r"\b(?:etcd|consul|app)\d\b");
    for system in diagnose::all() {
        let playable = campaign::playable(system.name).expect("it can be played");
        let own = format!("{}::", system.name);
        for advice in system.advice {
            let cures = |name: &str| {
                playable.remedies.iter().any(|remedy| remedy.name == name && remedy.cures.contains(&advice.detector))
            };
            let is_right = scenarios.iter().filter(|scenario| scenario.id.starts_with(&own)).any(|scenario| {
                let words = scenario.runbooks.iter().map(|runbook| nodes.replace_all(runbook, "it"));
                words.into_iter().any(|runbook| runbook.starts_with(&format!("right: {}", advice.runbook)))
            });
            let is_none = advice.runbook.starts_with("none");
            assert!(
                is_none || is_right || advice.runbook.split(", or ").all(cures),
                "{}: {} heals it nowhere in the suite",
                advice.detector,
                advice.runbook
            );
        }
    }
}

/// The suite's scenarios that a sentence names are there.
#[test]
fn every_scenario_that_is_cited_is_there() {
    let scenarios = campaign::all().expect("the scenarios");
    let cited = regex(r"\b(galera|bosh|diego|shutdown|blobstore)::[a-z_0-9]+");
    for advice in diagnose::all().into_iter().flat_map(|system| system.advice) {
        for found in advice.wrong.iter().flat_map(|(_, cost)| cited.find_iter(cost)) {
            assert!(
                scenarios.iter().any(|scenario| scenario.id == found.as_str()),
                "{}: {}",
                advice.detector,
                found.as_str()
            );
        }
    }
}

fn regex(pattern: &str) -> regex::Regex {
    regex::Regex::new(pattern).expect("a pattern")
}

/// Every detector has its advice: what heals, or that nothing of ours does.
#[test]
fn every_detector_has_advice() {
    for system in diagnose::all() {
        for entry in system.detectors() {
            let has = system.advice.iter().any(|advice| advice.detector == entry.id);
            assert!(has, "{}", entry.id);
        }
    }
}

fn node(name: &str, sections: &[(&str, &str)]) -> Gathered {
    let mut node = Gathered::of(name);
    sections.iter().for_each(|(name, text)| node.take(*name, Section { text: (*text).into(), status: Some(0) }));
    node
}

fn contradictions(system: &str, nodes: &[Gathered]) -> Vec<String> {
    let system = diagnose::find(system).expect("a system");
    Report::of(system, nodes, &Inventory::default()).expect("a report").contradictions
}

#[test]
fn nodes_that_contradict_each_other_are_told() {
    let primary = |name: &str, uuid: &str, conf: &str| {
        let text = format!(
            "wsrep_ready\tON\nwsrep_cluster_status\tPrimary\nwsrep_cluster_state_uuid\t{uuid}\nwsrep_cluster_conf_id\t{conf}\nwsrep_cluster_size\t1\n"
        );
        node(name, &[("status", &text)])
    };
    assert_eq!(contradictions("galera", &[primary("n1", "a", "4"), primary("n2", "a", "4")]), Vec::<String>::new());
    let views = contradictions("galera", &[primary("n1", "a", "4"), primary("n2", "a", "7")]);
    assert_eq!(views, ["n1 and n2 each say Primary, of different views: wsrep_cluster_conf_id 4 and 7"]);
    let histories = contradictions("galera", &[primary("n1", "a", "4"), primary("n2", "b", "4")]);
    assert!(histories.len() == 1 && histories[0].contains("histories"), "{histories:?}");
    let member = |name: &str, leader: &str| {
        let text = format!(
            "{{\"header\":{{\"cluster_id\":\"17\",\"member_id\":\"18\"}},\"leader\":\"{leader}\",\"raftIndex\":\"5\",\"raftTerm\":\"2\"}}"
        );
        node(name, &[("etcd status v3", &text)])
    };
    assert_eq!(
        contradictions("diego", &[member("e1", "18"), member("e2", "18"), member("e3", "0")]),
        Vec::<String>::new()
    );
    assert_eq!(
        contradictions("diego", &[member("e1", "18"), member("e2", "19")]),
        ["etcd's members name different leaders: e1 12, e2 13"]
    );
}
