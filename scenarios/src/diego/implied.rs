//! What the logs of etcd and Consul tell of states at which nobody looked: whether a member has ended,
//! and where it has no leader, whom it does not reach.

use std::{collections::BTreeSet, sync::LazyLock};

use jiff::Timestamp;
use reenact::{
    diagnose::{Implied, Line},
    probe::{Answer, Question, Signal},
};
use regex::Regex;

use super::{
    detectors::log::{self, Said},
    signals::{Consul, Etcd},
};

/// What one kind of server says of its leader and of its peers.
struct Words {
    /// It begins anew.
    begins: &'static [&'static str],
    /// It has a leader, or is it.
    led: &'static [&'static str],
    /// It has none.
    leaderless: &'static [&'static str],
    /// A peer is reached again.
    reached: &'static [&'static str],
    /// A peer is not reached, and which.
    away: LazyLock<Option<Regex>>,
}

/// etcd 3.3 to 3.6: server/etcdserver, raft, rafthttp.
static ETCD: Words = Words {
    begins: &["starting member", "starting local member", "starting etcd server", "starting server..."],
    led: &[" elected leader ", " changed leader from ", "became leader at term"],
    leaderless: &[" lost leader ", "is starting a new election at term"],
    reached: &["became active"],
    away: LazyLock::new(|| {
        Regex::new(
            r#"health check for peer ([0-9a-f]+) could not connect|prober detected unhealthy status.*"remote-peer-id":"([0-9a-f]+)""#,
        )
        .ok()
    }),
};

/// Consul 0.6 to 1.22: agent/consul, hashicorp/raft.
static CONSUL: Words = Words {
    begins: &["Consul agent running!", "Starting Consul agent"],
    led: &["New leader elected", "cluster leadership acquired", "election won"],
    leaderless: &["No cluster leader", "Election timeout reached, restarting election"],
    reached: &[],
    away: LazyLock::new(|| {
        Regex::new(r"(?i)failed to make requestvote rpc(?: to |: target=.*?)(\d+\.\d+\.\d+\.\d+:\d+)()").ok()
    }),
};

/// What is known of a server at the end of its log.
#[derive(Default)]
struct Known {
    leaderless: bool,
    since: Option<Timestamp>,
    /// It has a leader since then.
    led: Option<Option<Timestamp>>,
    /// Peers that are not reached.
    away: BTreeSet<String>,
    /// It has ended, and since when.
    ended: Option<Option<Timestamp>>,
}

impl Words {
    fn of(&self, lines: &[Line]) -> Known {
        let mut known = Known::default();
        for Line { at, text } in lines {
            let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
            if says(self.begins) || says(self.led) {
                let led = says(self.led).then(|| known.led.unwrap_or(*at));
                known = Known { led, ..Known::default() };
            } else if says(self.leaderless) && !known.leaderless {
                (known.leaderless, known.since, known.led, known.ended) = (true, *at, None, None);
            }
            if let Some(found) = self.away.as_ref().and_then(|away| away.captures(text)) {
                let peer = found.get(1).filter(|part| !part.is_empty()).or_else(|| found.get(2));
                known.away.insert(peer.map_or("", |peer| peer.as_str()).to_owned());
            } else if says(self.reached) {
                known.away.retain(|peer| !text.contains(peer));
            }
            if matches!(log::parse(text), Some(Said::Ended(_))) {
                known.ended = Some(*at);
            }
        }
        known
    }
}

/// Since when etcd's quota is used up, by the alarm or by the writes that it refuses for it: server/etcdserver.
fn out_of_space(lines: &[Line]) -> Option<Option<Timestamp>> {
    let mut since = None;
    for Line { at, text } in lines {
        let refuses =
            ["etcdserver: no space", "mvcc: database space exceeded"].iter().any(|words| text.contains(words));
        if text.contains("disarm") {
            since = None;
        } else if refuses || (text.contains("NOSPACE") && text.contains("raised")) {
            since = since.or(Some(*at));
        }
    }
    since
}

pub(super) fn implied(lines: &[Line]) -> Vec<Implied> {
    let etcd = ETCD.of(lines);
    let led = Etcd { has_leader: true, ..Etcd::default() };
    let mut all = told(&etcd, Etcd::OF, Answer::of(&Etcd::default()), Answer::of(&led));
    if let Some(since) = out_of_space(lines).filter(|_| !etcd.leaderless) {
        let alarmed = Etcd { alarms: "NOSPACE".into(), ..led };
        all = vec![Implied::own(since, query(Etcd::OF, Answer::of(&alarmed)))];
    }
    if let Some(since) = etcd.ended {
        all = vec![Implied::ended(since, query(Etcd::OF, Answer::Refused))];
    }
    all.extend(consul(lines));
    all
}

/// A server that is not among its own peers has another address than it had, as they have: those that it
/// does not reach are nobody's.
fn consul(lines: &[Line]) -> Vec<Implied> {
    let own = own_address(lines).unwrap_or_default();
    let peers = lines.iter().rev().find_map(|line| log::peers(&line.text)).unwrap_or_default();
    let has_moved = !own.is_empty() && !peers.is_empty() && !peers.contains_key(own);
    let server = |leader| [("address", own), ("leader", leader)].into_iter().collect();
    let told = told(&CONSUL.of(lines), Consul::OF, server(""), server("it has one")).into_iter();
    told.filter(|told| !has_moved || told.node.is_empty()).collect()
}

/// A server with a leader; or one without, and the peers that it does not reach: without any it may be that
/// one alone.
fn told(known: &Known, of: &str, leaderless: Answer, led: Answer) -> Vec<Implied> {
    if let Some(since) = known.led {
        return vec![Implied::well(since, query(of, led))];
    }
    if !known.leaderless || known.away.is_empty() {
        return Vec::new();
    }
    let away = known
        .away
        .iter()
        .map(|peer| Implied { node: peer.clone(), ..Implied::own(known.since, query(of, Answer::Refused)) });
    [Implied::own(known.since, query(of, leaderless))].into_iter().chain(away).collect()
}

fn query(of: &str, answer: Answer) -> Signal {
    Signal::Query { of: of.into(), answer }
}

/// Where a Consul server says that it is: `Node at 10.0.0.5:8300 [Candidate]`.
fn own_address(lines: &[Line]) -> Option<&str> {
    lines.iter().rev().find_map(|line| line.text.split_once("Node at ")?.1.split_once(' ').map(|(address, _)| address))
}
