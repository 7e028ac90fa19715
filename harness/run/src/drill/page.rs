//! What a pager says: symptoms, as clients and plain checks from outside see them. No cause, no
//! detector's name, and no fault.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use reenact_core::{
    probe::{Moment, Observation, PortState, Signal},
    workload::{Ack, Entry},
};

/// What is told of the clients' writes is of so long.
const RECENT: Duration = Duration::from_secs(15);
/// So many of the clients' errors are told, each so long.
const ERRORS: (usize, usize) = (4, 140);

/// What is known of a system without looking at it.
pub(crate) struct Known<'a> {
    /// Its name.
    pub system: &'a str,
    /// What everybody on call knows of it.
    pub layout: &'a str,
    /// Its nodes, with their addresses.
    pub nodes: &'a [(String, String)],
}

/// What a pager says at that moment; `check` is the answer of a check of each part by real use:
/// whether it passes, and if not, why.
pub(crate) fn page(
    Known { system, layout, nodes }: &Known,
    check: Option<&str>,
    seen: &[Observation],
    entries: &[Entry],
    now: Moment,
) -> String {
    let mut lines = vec![format!("PAGE: something is wrong with {system}")];
    lines.extend(clients(entries, now));
    lines.push("nodes:".into());
    let checks = checks(seen);
    for (name, address) in *nodes {
        let said = checks.get(name.as_str()).map_or_else(|| "no check".into(), |all| all.join(", "));
        lines.push(format!("  {name:<12} {address:<16} {said}"));
    }
    lines.push(match check.map(|why| blamed(why, nodes)) {
        None => "a check of every part by real use: passes".into(),
        Some(None) => "a check of every part by real use: fails".into(),
        Some(Some(node)) => format!("a check of every part by real use: fails, at {node}"),
    });
    if !layout.is_empty() {
        lines.push("what is where:".into());
        lines.extend(layout.lines().map(|line| format!("  {line}")));
    }
    lines.join("\n") + "\n"
}

/// The node that a check complains of. What it complains of is for who looks there to find out.
fn blamed<'n>(why: &str, nodes: &'n [(String, String)]) -> Option<&'n str> {
    let words: Vec<_> = why.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    nodes.iter().map(|(name, _)| name.as_str()).find(|name| words.contains(name))
}

fn clients(entries: &[Entry], now: Moment) -> Vec<String> {
    let recent: Vec<_> = entries.iter().filter(|entry| now.since(entry.to) < RECENT).collect();
    let failed = recent.iter().filter(|entry| entry.ack != Ack::Ok).count();
    let last = entries.iter().filter(|entry| entry.ack == Ack::Ok).map(|entry| entry.to).max();
    let since = last.map_or_else(
        || "none was acknowledged yet".into(),
        |last| format!("the last one was acknowledged {:.0?} ago", now.since(last)),
    );
    let mut lines =
        vec![format!("clients: {failed} of {} writes failed in the last {RECENT:.0?}; {since}", recent.len())];
    let mut errors: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for entry in &recent {
        if let Ack::Failed { why } | Ack::Unknown { why } = &entry.ack {
            let (_, most) = ERRORS;
            *errors.entry((&entry.node, why.chars().take(most).collect())).or_default() += 1;
        }
    }
    let mut errors: Vec<_> = errors.into_iter().collect();
    errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    lines.extend(errors.into_iter().take(ERRORS.0).map(|((node, why), count)| format!("  {count:>4} x {node}: {why}")));
    lines
}

/// The last answer to each plain check, by node.
fn checks(seen: &[Observation]) -> HashMap<&str, Vec<String>> {
    let mut last: BTreeMap<(&str, u16), String> = BTreeMap::new();
    for observation in seen {
        match &observation.signal {
            Signal::Port { port, state } => {
                let word = match state {
                    PortState::Open => "accepts",
                    PortState::Closed => "refuses",
                    PortState::Silent => "does not answer",
                };
                last.insert((&observation.node, *port), format!("port {port} {word}"));
            }
            Signal::Machine { running, paused, .. } => {
                let word = if *running && !*paused { "machine up" } else { "machine does not answer" };
                last.insert((&observation.node, 0), word.into());
            }
            _ => {}
        }
    }
    let mut all: HashMap<&str, Vec<String>> = HashMap::new();
    for ((node, _), said) in last {
        all.entry(node).or_default().push(said);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: u64, ack: Ack) -> Entry {
        Entry { id: at, client: 0, value: 0, node: "n1".into(), from: Moment(at), to: Moment(at), ack }
    }

    fn seen(at: u64, signal: Signal) -> Observation {
        Observation { at: Moment(at), wall: jiff::Timestamp::UNIX_EPOCH, node: "n1".into(), signal }
    }

    #[test]
    fn it_tells_what_clients_and_checks_see_and_the_last_of_each() {
        let refused = || Ack::Failed { why: "refused".into() };
        let entries = [entry(1_000, Ack::Ok), entry(28_000, refused()), entry(29_000, refused())];
        let port = |state| Signal::Port { port: 3306, state };
        let log = Signal::Log { line: "the cause".into() };
        let seen = [seen(1, port(PortState::Open)), seen(9, port(PortState::Closed)), seen(10, log)];
        let nodes = [("n1".to_owned(), "10.0.0.2".to_owned())];
        let known = Known { system: "galera", layout: "3306 for clients", nodes: &nodes };
        let text = page(&known, Some("n1: the cause"), &seen, &entries, Moment(31_000));
        for words in [
            "use: fails, at n1",
            "  3306 for clients",
            "2 of 2 writes failed",
            "30s ago",
            "2 x n1: refused",
            "10.0.0.2",
            "port 3306 refuses",
        ] {
            assert!(text.contains(words), "no {words:?} in: {text}");
        }
        assert!(!text.contains("cause") && !text.contains("accepts"), "{text}");
        assert!(page(&known, None, &seen, &entries, Moment(31_000)).contains("use: passes"));
    }
}
