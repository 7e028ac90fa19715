//! Cuts of recordings.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use reenact::{
    diagnose::{self, Case, Diagnosis, Gathered, Inventory, Line, System, Word},
    probe::{Observation, PortState, Prior, Signal},
};

/// What is given of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Given {
    /// The logs, and nothing else.
    Logs,
    /// What commands print and files hold: no port that is silent, no write that is tried.
    Files,
    /// The same of one live look, and that it was well before.
    Look,
    /// Such looks for half a minute up to then, one every two seconds, with a synthetic write.
    Looks,
}

const GIVEN: [Given; 4] = [Given::Logs, Given::Files, Given::Look, Given::Looks];

impl Given {
    fn keeps(self, signal: &Signal) -> bool {
        match signal {
            Signal::Query { of, .. } => {
                let is_write = of.ends_with(":write") || of.starts_with("write:") || of == "http:roundtrip";
                !is_write || self == Self::Looks
            }
            Signal::Port { state: PortState::Silent, .. } => self != Self::Files,
            _ => true,
        }
    }

    fn case(self, system: &System, seen: &[Observation], at: Timestamp) -> Case {
        if self == Self::Logs {
            return Case::of(system, &logs(seen, at), &Inventory::default());
        }
        let cut = |at| Case::cut(seen, at, |signal| self.keeps(signal));
        let mut case = cut(at);
        if self == Self::Looks {
            let before = |seconds| at.checked_sub(SignedDuration::from_secs(seconds)).expect("a time");
            let looks = (1..=14).rev().flat_map(|look| cut(before(2 * look)).looks);
            case.looks.splice(0..0, looks.filter(|look| !look.seen.is_empty()));
        }
        let nodes: Vec<_> = case.nodes().into_iter().map(str::to_owned).collect();
        let knows = self != Self::Files;
        let prior = |node: &str| Prior { was_well: knows, address: address(seen, node).filter(|_| knows) };
        case.priors = nodes.into_iter().map(|node| (node.clone(), prior(&node))).collect();
        case
    }
}

/// Between two cuts of a look-alike.
const EVERY_MS: u64 = 700;

/// The address by which a node's peers know it, as an inventory would have it.
fn address(seen: &[Observation], node: &str) -> Option<String> {
    seen.iter().filter(|observation| observation.node == node).find_map(|observation| {
        let Signal::Query { answer, .. } = &observation.signal else { return None };
        let at: usize = answer.get("wsrep_local_index")?.parse().ok()?;
        let of = answer.get("wsrep_incoming_addresses")?.split(',').nth(at)?;
        (answer.get("wsrep_cluster_status") == Some("Primary")).then(|| of.to_owned())
    })
}

/// The logs as far as they were written then.
fn logs(seen: &[Observation], until: Timestamp) -> Vec<Gathered> {
    let mut nodes: BTreeMap<&str, Gathered> = BTreeMap::new();
    for observation in seen.iter().take_while(|observation| observation.wall <= until) {
        let Signal::Log { line } = &observation.signal else { continue };
        let node = nodes.entry(&observation.node).or_insert_with(|| Gathered::of(&observation.node));
        node.log.push(Line { at: Some(observation.wall), text: line.clone() });
        node.log_ends = Some(observation.wall);
    }
    nodes.into_values().collect()
}

/// What is said of it; nothing where there is nothing, such as no line of a log yet.
fn diagnosed(run: &str, given: Given, seen: &[Observation], at: Timestamp) -> Option<Diagnosis> {
    let (system, _) = run.split_once("::").expect("a system");
    let system = diagnose::find(system).expect("a system");
    diagnose::diagnose(&given.case(system, seen, at), system)
}

/// What each detector says of cuts at its own moments: of how many, found, and found for certain.
type Table = BTreeMap<(String, Given), (usize, usize, usize)>;

#[test]
fn a_detector_that_fired_is_found_in_what_is_left() {
    let mut table = Table::new();
    for (run, seen) in super::runs() {
        let own = |detector: &str| detector.split('/').next() == run.id.split("::").next();
        for episode in run.score.episodes.iter().filter(|episode| own(&episode.detector)) {
            let Some(at) = seen.iter().rfind(|observation| observation.at <= episode.from).map(|it| it.wall) else {
                continue;
            };
            for given in GIVEN {
                let said = diagnosed(&run.id, given, &seen, at);
                let finding =
                    said.iter().flat_map(|said| &said.findings).find(|finding| finding.detector == episode.detector);
                let word = finding.map_or(Word::Quiet, |finding| finding.verdict);
                let (all, found, certain) = table.entry((episode.detector.clone(), given)).or_default();
                *all += 1;
                *found += usize::from(matches!(word, Word::Fired | Word::IfItLasts));
                *certain += usize::from(word == Word::Fired);
                if !matches!(word, Word::Fired | Word::IfItLasts) && given != Given::Logs {
                    eprintln!("{} {given:?} {}: {finding:?}", run.id, episode.detector);
                }
            }
        }
    }
    let detectors: BTreeSet<_> = table.keys().map(|(detector, _)| detector).collect();
    eprintln!(
        "{:<45} {:>12} {:>12} {:>12} {:>12}",
        "detector: found (for certain) of all", "logs alone", "files", "one look", "30 s"
    );
    for detector in &detectors {
        let cell = |given| {
            let (all, found, certain) = table[&((*detector).clone(), given)];
            format!("{found} ({certain}) of {all}")
        };
        let [logs, files, look, looks] = GIVEN.map(cell);
        eprintln!("{detector:<45} {logs:>12} {files:>12} {look:>12} {looks:>12}");
    }
    let is_always = |id: &String, given| {
        let (all, found, _) = table[&(id.clone(), given)];
        all == found
    };
    let always = GIVEN.map(|given| detectors.iter().filter(|id| is_always(id, given)).count());
    eprintln!("always found: {always:?} of {}", detectors.len());
}

/// A look-alike that is looked at at any moment gives no alarm, nor does an incident before it
/// begins.
#[test]
fn no_moment_of_a_look_alike_is_taken_for_an_incident() {
    let (mut cuts, mut alarms, mut ifs) = (0, Vec::new(), BTreeMap::new());
    for (run, seen) in super::runs().into_iter().filter(|(run, _)| run.id.contains("::twin_")) {
        let healthy = run.score.start_ms.unwrap_or_default();
        let from = seen.iter().map(|observation| observation.at.0).find(|at| *at as f64 >= healthy as f64).unwrap_or(0);
        let mut next = from;
        for observation in &seen {
            if observation.at.0 < next {
                continue;
            }
            next = observation.at.0 + EVERY_MS;
            for given in GIVEN {
                cuts += 1;
                let Some(said) = diagnosed(&run.id, given, &seen, observation.wall) else { continue };
                let name = |word| {
                    said.of(word).map(|finding| (finding.detector, finding.evidence.clone())).collect::<Vec<_>>()
                };
                for fired in name(Word::Fired) {
                    alarms.push(format!("{} at {} by {given:?}: {fired:?}", run.id, observation.at));
                }
                for (detector, _) in name(Word::IfItLasts) {
                    *ifs.entry((detector, given)).or_insert(0) += 1;
                }
            }
        }
    }
    eprintln!("{cuts} cuts of look-alikes; if it lasts: {ifs:?}");
    assert!(alarms.is_empty(), "{} of {cuts}:\n{}", alarms.len(), alarms.join("\n"));
}
