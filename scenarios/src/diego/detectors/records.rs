//! What is kept of each node.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use reenact::{
    detect::{Asked, Since},
    probe::{Answer, Moment, Question, Tried},
};

use super::super::{
    signals::{Consul, Desires, Etcd, Hash, Metrics, Ping, Process},
    words::Why,
};

/// Who answers for so long has started. One that ends at its leader's first word does so
/// sooner.
const STARTED: Duration = Duration::from_secs(2);

/// Who answers at last finds its leader within 2.2 s (measured: an election); a loaded
/// machine has taken more than 5 s.
const FINDS_A_LEADER: Duration = Duration::from_secs(15);

/// So long are a member's hashes compared with the others', who come to the same revision a
/// little sooner or later.
const HASHES: Duration = Duration::from_secs(10);

/// Why a member cannot start, by its own log.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The reason.
    pub why: Why,
    /// When it said so.
    pub at: Moment,
    /// The line.
    pub line: String,
}

/// A member of etcd.
#[derive(Debug, Default)]
pub struct Member {
    /// What it says.
    pub said: Asked<Etcd>,
    /// Who is etcd on its machine.
    pub process: Asked<Process>,
    /// What became of the last write that was tried by it.
    pub write: Asked<Tried>,
    hash: Asked<Hash>,
    /// What its data came to, with its cluster.
    pub hashes: VecDeque<(Moment, String, Hash)>,
    answers: Since,
    /// Whether it has had a leader since it answers.
    was_led: bool,
    /// The last reason that it gave for not starting.
    pub refusal: Option<Refusal>,
    /// Its newest start that found its port taken.
    pub port_taken: Option<String>,
}

/// A Consul server.
#[derive(Debug, Default)]
pub struct Server {
    /// What it says.
    pub said: Asked<Consul>,
    /// Its peers as it last told them: one that was restarted and has found no leader yet
    /// does not. They are on its disk and do not change meanwhile.
    pub peers: BTreeMap<String, bool>,
    /// Where it was when it last said so.
    pub address: Option<String>,
    /// That it cannot read what others send.
    pub undecryptable: Option<Streak>,
}

/// Lines that come again and again.
#[derive(Debug, Clone, Copy)]
pub struct Streak {
    /// When the first came.
    pub since: Moment,
    /// When the last came.
    pub last: Moment,
}

/// Between two lines of a streak. Who cannot join tries again each second.
pub const STREAK: Duration = Duration::from_secs(10);

/// A BBS.
#[derive(Debug, Default)]
pub struct Bbs {
    /// Whether it listens.
    pub ping: Asked<Ping>,
    /// Its page.
    pub metrics: Asked<Metrics>,
    /// What it lists.
    pub list: Asked<Desires>,
}

impl Member {
    /// Takes what it says, and gives whether it has a leader.
    pub fn take(&mut self, at: Moment, answer: &Answer) -> bool {
        let has_leader = self.said.take(at, answer).is_some_and(|etcd| etcd.has_leader);
        self.answers.note(self.said.told().is_some(), at);
        if self.refusal(at).is_none() {
            self.refusal = None;
        }
        // What begins anew has other data.
        if self.answers.0.is_none() {
            self.hashes.clear();
            self.was_led = false;
        }
        self.was_led |= has_leader;
        has_leader
    }

    /// Takes what its data come to.
    pub fn hashed(&mut self, at: Moment, answer: &Answer) {
        self.hash.take(at, answer);
        let (Some(hash), Some(said)) = (self.hash.told(), self.said.told()) else { return };
        // One that begins anew comes to the same revisions with other data.
        if self.hashes.back().is_some_and(|(_, _, last)| hash.revision < last.revision) {
            self.hashes.clear();
        }
        self.hashes.retain(|(seen, _, last)| at.since(*seen) <= HASHES && last.revision != hash.revision);
        self.hashes.push_back((at, said.cluster.clone(), *hash));
    }

    /// Why it cannot start, unless it has.
    pub fn refusal(&self, now: Moment) -> Option<&Refusal> {
        let started = |said: Moment| self.answers.0.is_some_and(|since| now.since(since.max(said)) >= STARTED);
        self.refusal.as_ref().filter(|refusal| !started(refusal.at))
    }

    /// Whether it has lost its leader, and is not one that starts and has found none yet:
    /// since it answers it had one, or has had the time to find one.
    pub fn has_lost_its_leader(&self, now: Moment) -> bool {
        self.was_led || self.answers.0.is_some_and(|since| now.since(since) >= FINDS_A_LEADER)
    }

    /// The last look at its data.
    pub fn hash(&self, now: Moment) -> Result<Option<&Hash>, String> {
        Ok(self.hash.fresh(now)?.ok())
    }
}

impl Server {
    /// Takes what it says.
    pub fn take(&mut self, at: Moment, answer: &Answer) {
        let Some(said) = self.said.take(at, answer) else { return };
        self.address = Some(said.address.clone());
        if !said.peers.is_empty() {
            self.peers.clone_from(&said.peers);
        }
    }
}

/// A node that is asked, with what it tells or how it is silent.
#[derive(Debug)]
pub struct Seen<'v, R, T> {
    /// Its name.
    pub name: &'v str,
    /// What else is known of it.
    pub record: &'v R,
    /// Its answer.
    pub said: Result<&'v T, &'v str>,
}

/// Why nothing can be told where nobody was asked.
pub fn never_seen(of: &str) -> String {
    format!("{of} was never seen")
}

/// All of those that were ever asked; or of which one it is not known what it says now.
pub fn asked<'v, R, T: Question>(
    of: &str,
    nodes: impl Iterator<Item = (&'v String, &'v R, &'v Asked<T>)>,
    now: Moment,
) -> Result<Vec<Seen<'v, R, T>>, String> {
    let mut all = Vec::new();
    for (name, record, latest) in nodes.filter(|(.., latest)| latest.is_asked()) {
        let said = latest.fresh(now).map_err(|why| format!("{name}: {why}"))?;
        all.push(Seen { name, record, said });
    }
    if all.is_empty() { Err(never_seen(of)) } else { Ok(all) }
}
