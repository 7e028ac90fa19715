//! What is known of a system: what was before, what its logs say, and what looks saw.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use reenact_core::probe::{Answer, Observation, Prior, Signal};

use crate::{gathered::Gathered, inventory::Inventory, lines::Line, system::System};

/// A signal at a time of its own, such as a log's line.
#[derive(Debug, Clone, PartialEq)]
pub struct Dated {
    /// When it was, by its node's clock.
    pub at: Timestamp,
    /// The node.
    pub node: String,
    /// What was.
    pub signal: Signal,
}

/// One look at all nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// The nodes and what was seen of each.
    pub seen: Vec<(String, Signal)>,
}

/// A state that a log tells of: the server has ended, the member has lost its leader.
#[derive(Debug, Clone, PartialEq)]
pub struct Implied {
    /// Since when it is so, by the log's clock.
    pub since: Option<Timestamp>,
    /// Whose state it is; empty: that of the log's own node.
    pub node: String,
    /// What a look would have seen.
    pub signal: Signal,
    /// Whether it stays so for as long as nothing else is logged: a program that has failed says no more.
    pub is_final: bool,
    /// Whether its node is well: that it no longer is it would say. It stays so too, unless the log ends
    /// before another one tells of a change.
    pub is_well: bool,
    /// Up to when the log was read, or goes: how a state that is not final goes on, nobody knows.
    pub until: Option<Timestamp>,
    /// The members of a group that is whole since then, by all that the log tells; 0: it tells of none. A
    /// log that ends before it is no witness of what became of its node.
    pub whole: usize,
}

impl Implied {
    /// A state of the log's own node.
    pub fn own(since: Option<Timestamp>, signal: Signal) -> Self {
        Self { since, node: String::new(), signal, is_final: false, is_well: false, until: None, whole: 0 }
    }

    /// The log's own node is well.
    pub fn well(since: Option<Timestamp>, signal: Signal) -> Self {
        Self { is_well: true, ..Self::own(since, signal) }
    }

    /// One that stays so for as long as nothing else is logged.
    pub fn ended(since: Option<Timestamp>, signal: Signal) -> Self {
        Self { is_final: true, ..Self::own(since, signal) }
    }
}

/// A system as it was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Case {
    /// What is known of each node without a look.
    pub priors: Vec<(String, Prior)>,
    /// What logs say, in order.
    pub past: Vec<Dated>,
    /// The looks, in order.
    pub looks: Vec<Look>,
    /// What logs tell of states at which nobody looked.
    pub implied: Vec<Implied>,
    /// For how long what was seen last has been so, as far as a person knows.
    pub lasted: Duration,
}

impl Case {
    /// The nodes that anything is known of.
    pub fn nodes(&self) -> BTreeSet<&str> {
        let priors = self.priors.iter().map(|(node, _)| node.as_str());
        let past = self.past.iter().map(|dated| dated.node.as_str());
        let looks = self.looks.iter().flat_map(|look| &look.seen).map(|(node, _)| node.as_str());
        let implied = self.implied.iter().map(|implied| implied.node.as_str());
        priors.chain(past).chain(looks).chain(implied).collect()
    }

    /// When it was last looked at; where nobody looked, a moment after the last line.
    pub fn at(&self) -> Option<Timestamp> {
        let last_line = || self.past.last().map(|dated| dated.at);
        self.looks.last().map(|look| look.at).max(last_line())
    }

    /// What was gathered, as the system reads it. Looks of several nodes that have the same number
    /// are one look.
    pub fn of(system: &System, gathered: &[Gathered], inventory: &Inventory) -> Self {
        let looks = looks(system, gathered);
        let implied = implied(system, gathered, &looks);
        let mut past = past(system, gathered);
        // What has no time is as old as the oldest that has one.
        let oldest = past.iter().filter_map(|(at, ..)| *at).min().or(looks.first().map(|look| look.at));
        past.sort_by_key(|(at, ..)| *at);
        let dated = |(at, node, signal): Undated| Dated { at: at.or(oldest).unwrap_or_default(), node, signal };
        let nodes: BTreeSet<&String> = gathered.iter().map(|one| &one.node).chain(inventory.nodes.keys()).collect();
        let own = |node: &String| gathered.iter().rev().filter(|one| one.node == *node).find_map(Gathered::addresses);
        let prior = |node: &String| {
            let known = inventory.prior(node);
            Prior { address: known.address.or_else(|| own(node)), ..known }
        };
        let priors = nodes.into_iter().map(|node| (node.clone(), prior(node))).collect();
        let past = past.into_iter().map(dated).collect();
        Self { priors, past, looks, implied, lasted: inventory.lasted }
    }

    /// A run that was recorded, as if it were looked at at that moment for the first time: the
    /// last of each signal that `keep` lets pass, and all log lines at their own times.
    pub fn cut<'o>(
        recorded: impl IntoIterator<Item = &'o Observation>,
        at: Timestamp,
        keep: impl Fn(&Signal) -> bool,
    ) -> Self {
        let mut case = Self::default();
        let mut look = Look { at, seen: Vec::new() };
        for observation in recorded.into_iter().take_while(|observation| observation.wall <= at) {
            let Observation { wall, node, signal, .. } = observation;
            if !keep(signal) {
                continue;
            }
            if is_event(signal) {
                case.past.push(Dated { at: *wall, node: node.clone(), signal: signal.clone() });
                continue;
            }
            look.seen.retain(|(of, seen)| of != node || !is_same(seen, signal));
            look.seen.push((node.clone(), signal.clone()));
        }
        case.looks.push(look);
        case
    }
}

/// What is seen of all nodes, look by look.
fn looks(system: &System, gathered: &[Gathered]) -> Vec<Look> {
    let mut looks: BTreeMap<usize, Look> = BTreeMap::new();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for one in gathered {
        let number = count.entry(&one.node).or_default();
        *number += 1;
        let look = looks.entry(*number).or_insert(Look { at: Timestamp::MIN, seen: Vec::new() });
        look.at = look.at.max(one.at.or(one.log_ends).unwrap_or(Timestamp::MIN));
        let signals = (system.read)(one).into_iter().filter(|signal| !is_event(signal));
        let signals = signals.chain(one.unreachable.clone().map(unreachable));
        look.seen.extend(signals.map(|signal| (one.node.clone(), signal)));
    }
    // Without any time at all, it is now.
    looks.values_mut().filter(|look| look.at == Timestamp::MIN).for_each(|look| look.at = Timestamp::now());
    let mut looks: Vec<_> = looks.into_values().collect();
    looks.sort_by_key(|look| look.at);
    looks
}

/// What the logs tell of states at which nobody looked, on no node. Where somebody looked at one of a log's
/// states, the log is no witness of the others either. Who has a log speaks for itself.
fn implied(system: &System, gathered: &[Gathered], looks: &[Look]) -> Vec<Implied> {
    let logs = logs(gathered);
    let is_seen =
        |told: &Implied| looks.iter().flat_map(|look| &look.seen).any(|(_, seen)| is_same(seen, &told.signal));
    let mut all: Vec<Implied> = Vec::new();
    for (node, one) in &logs {
        let told = (system.implied)(&one.log);
        if told.iter().any(is_seen) {
            continue;
        }
        for told in told {
            let own = told.node.is_empty();
            let is_others = !own && logs.contains_key(told.node.as_str());
            let node = if own { (*node).to_owned() } else { told.node };
            let told = Implied { node, until: one.at.or(one.log_ends), ..told };
            if !is_others && !all.iter().any(|other| other.node == told.node && is_same(&other.signal, &told.signal)) {
                all.push(told);
            }
        }
    }
    let whole = all.iter().filter(|told| told.whole >= logs.len()).filter_map(|told| told.since).max();
    all.retain(|told| whole.is_none_or(|since| told.until.is_none_or(|until| since <= until)));
    let change = all.iter().filter_map(|told| told.since).max();
    all.iter_mut().for_each(|told| told.is_final |= told.is_well && change <= told.until);
    all
}

/// The log of each node that has one. A later look has read the same log again, and further.
fn logs(gathered: &[Gathered]) -> BTreeMap<&str, &Gathered> {
    let with_log = gathered.iter().filter(|one| !one.log.is_empty());
    with_log.map(|one| (one.node.as_str(), one)).collect()
}

/// Something that happened, and when, if that is known.
type Undated = (Option<Timestamp>, String, Signal);

/// What logs tell.
fn past(system: &System, gathered: &[Gathered]) -> Vec<Undated> {
    let mut all = Vec::new();
    for one in logs(gathered).into_values() {
        let line = |Line { at, text }: &Line| (*at, one.node.clone(), Signal::Log { line: text.clone() });
        all.extend(one.log.iter().map(line));
    }
    for one in gathered {
        let events = (system.read)(one).into_iter().filter(is_event);
        all.extend(events.map(|signal| (one.at.or(one.log_ends), one.node.clone(), signal)));
    }
    all
}

fn unreachable(why: String) -> Signal {
    Signal::Blind { probe: "host".into(), why }
}

/// Whether it is something that happens, and not a state that lasts.
pub(crate) fn is_event(signal: &Signal) -> bool {
    matches!(signal, Signal::Log { .. } | Signal::Kernel { .. })
}

/// Whether both are states of one thing, so that the later one takes the earlier one's place.
fn is_same(one: &Signal, other: &Signal) -> bool {
    match (one, other) {
        (Signal::Port { port: one, .. }, Signal::Port { port: other, .. }) => one == other,
        (Signal::Query { of: one, .. }, Signal::Query { of: other, .. }) => one == other,
        (Signal::File { path: one, .. }, Signal::File { path: other, .. }) => one == other,
        (Signal::Blind { probe: one, .. }, Signal::Blind { probe: other, .. }) => one == other,
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

impl Case {
    /// What was answered in the last look to questions that begin so, with the node and the rest
    /// of the question.
    pub fn answers<'c>(&'c self, of: &'c str) -> impl Iterator<Item = (&'c str, &'c str, &'c Answer)> {
        let last = self.looks.last().into_iter().flat_map(|look| &look.seen);
        last.filter_map(move |(node, signal)| match signal {
            Signal::Query { of: asked, answer } => Some((node.as_str(), asked.strip_prefix(of)?, answer)),
            _ => None,
        })
    }

    /// Whether every node that is known of was looked at; `None`: that cannot be told, as of some only
    /// the log is there, or nothing at all.
    pub fn looked_at_all(&self, gathered: &[Gathered]) -> Option<bool> {
        let is_away = |told: &Implied| !gathered.iter().any(|one| one.node == told.node);
        let is_missing = self.implied.iter().any(is_away) || gathered.iter().any(|one| one.unreachable.is_some());
        let by_log = !self.implied.is_empty() || gathered.is_empty();
        if is_missing { Some(false) } else { (!by_log).then_some(true) }
    }

    /// Whether anything of this kind was seen of any node: `log`, `ports`, `processes`,
    /// `mounts`, `machine`, `kernel`, a question, or the end of a file's path.
    pub fn sees(&self, kind: &str) -> bool {
        let looks = self.looks.iter().flat_map(|look| &look.seen).map(|(_, signal)| signal);
        looks.chain(self.past.iter().map(|dated| &dated.signal)).any(|signal| is_of(signal, kind))
    }
}

fn is_of(signal: &Signal, kind: &str) -> bool {
    match signal {
        Signal::Log { .. } => kind == "log",
        Signal::Port { .. } => kind == "ports",
        Signal::Processes { .. } => kind == "processes",
        Signal::Mounts { .. } => kind == "mounts",
        Signal::Machine { .. } => kind == "machine",
        Signal::Kernel { .. } => kind == "kernel",
        Signal::Query { of, .. } => of.starts_with(kind),
        Signal::File { path, .. } => path.ends_with(kind),
        Signal::Blind { .. } => false,
    }
}
