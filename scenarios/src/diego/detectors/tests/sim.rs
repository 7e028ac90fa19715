//! The simulated machines: three of etcd (`e0` to `e2`), three of Consul, two BBSes, and
//! the Cloud Controller. What takes measured time takes it here too.

use super::*;
use crate::diego::detectors::lock::LOCK_FLAGS;

/// A session as the BBS makes it.
pub const SESSION: &str = "s0";
/// nsync's interval, in ms.
pub const NSYNC: u64 = 5_000;
/// A session's time to live, in ms.
pub const TTL: u64 = 10_000;

/// How a member of etcd or a server of Consul is.
#[derive(Debug, Clone)]
pub struct Member {
    /// Whether it answers; not while it hangs or is away.
    pub up: bool,
    pub hangs: bool,
    pub cluster: &'static str,
    pub has_leader: bool,
    pub applied: u64,
    pub alarms: &'static str,
    pub hash: u64,
    pub revision: u64,
    pub pidfile: &'static str,
    pub listener: &'static str,
    /// Those of the same number reach each other.
    pub side: u8,
    turns: Vec<(u64, bool)>,
    comes_up: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Server {
    pub up: bool,
    pub has_leader: bool,
    pub address: String,
    pub peers: Vec<(String, bool)>,
}

#[derive(Debug, Clone)]
pub struct Key {
    pub session: &'static str,
    pub flags: u64,
    pub ttl: u64,
    pub checks: u32,
    /// When it ends by itself, after which another BBS leads.
    pub ends: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bbs {
    Leads,
    Migrates,
    Waits,
    Hangs,
    Away,
}

pub struct Sim {
    pub now: u64,
    random: u64,
    /// How many of a hundred looks are lost; never more than 2 s in a row.
    pub loss: u64,
    pub etcd: Vec<Member>,
    pub leader: usize,
    pub consul: Vec<Server>,
    pub key: Option<Key>,
    pub bbs: [Bbs; 2],
    /// Whether the BBS reaches etcd.
    pub reaches: bool,
    pub apps: BTreeMap<String, u32>,
    pub desires: BTreeMap<String, u32>,
    pub nsync: bool,
    pub cc: bool,
    due: BTreeMap<(String, &'static str), u64>,
    seen: BTreeMap<(String, &'static str), u64>,
    pub observations: Vec<Observation>,
}

impl Sim {
    /// All is well for 3 s.
    pub fn new(seed: u64) -> Self {
        let member = |_| Member {
            up: true,
            hangs: false,
            cluster: "cdf8",
            has_leader: true,
            applied: 100,
            alarms: "",
            hash: 77,
            revision: 9,
            pidfile: "40",
            listener: "40",
            side: 0,
            turns: Vec::new(),
            comes_up: None,
        };
        let address = |index: usize| format!("10.0.0.{index}:8300");
        let peers: Vec<_> = (0..3).map(|index| (address(index), true)).collect();
        let server = |index| Server { up: true, has_leader: true, address: address(index), peers: peers.clone() };
        let apps: BTreeMap<_, _> = (0..6).map(|app| (format!("app-{app}"), 2)).collect();
        let mut sim = Self {
            now: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            loss: 0,
            etcd: (0..3).map(member).collect(),
            leader: 0,
            consul: (0..3).map(server).collect(),
            key: Some(Key { session: SESSION, flags: LOCK_FLAGS, ttl: TTL, checks: 0, ends: None }),
            bbs: [Bbs::Leads, Bbs::Waits],
            reaches: true,
            desires: apps.clone(),
            apps,
            nsync: true,
            cc: true,
            due: BTreeMap::new(),
            seen: BTreeMap::new(),
            observations: Vec::new(),
        };
        sim.run(3_000);
        sim
    }

    /// A number below `end`, or 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16).checked_rem(end).unwrap_or(0)
    }

    pub fn emit(&mut self, node: &str, signal: Signal) {
        let (at, node) = (Moment(self.now), node.into());
        self.observations.push(Observation { at, wall: wall(self.now).parse().expect("a moment"), node, signal });
    }

    pub fn log(&mut self, node: &str, line: &str) {
        self.emit(node, Signal::Log { line: line.into() });
    }

    /// Ends a member's process.
    pub fn kill(&mut self, index: usize) {
        let member = &mut self.etcd[index];
        (member.up, member.has_leader, member.comes_up) = (false, false, None);
        (member.pidfile, member.listener) = ("", "");
        self.settle();
    }

    /// Starts it; it answers within 2.6 s.
    pub fn start(&mut self, index: usize) {
        let boots = 1_500 + self.below(1_100);
        self.etcd[index].comes_up = Some(self.now + boots);
    }

    /// Starts it on what it cannot start with: it says so at once, and each 11 s.
    pub fn refuse(&mut self, index: usize, line: &str) {
        self.kill(index);
        self.log(&format!("e{index}"), line);
    }

    /// What etcd's members come to after a change: measured, a lost leader is noticed after
    /// 1.1 to 2.3 s, and another elected after up to 2.2 s.
    pub fn settle(&mut self) {
        let runs = |member: &Member| member.up && !member.hangs;
        for index in 0..3 {
            let (notices, elects) = (1_000 + self.below(1_200), 1_700 + self.below(500));
            let member = self.etcd[index].clone();
            let same = |other: &&Member| runs(other) && other.side == member.side && other.cluster == member.cluster;
            let quorum = self.etcd.iter().filter(same).count() >= 2 || member.cluster != "cdf8";
            let leader = &self.etcd[self.leader];
            let led = quorum && (same(&leader) || member.cluster != "cdf8");
            let turns = match (quorum, led) {
                (true, true) => vec![(self.now + 100, true)],
                (true, false) => vec![(self.now + notices.min(elects), false), (self.now + elects, true)],
                (false, _) => vec![(self.now + notices, false)],
            };
            self.etcd[index].turns = if runs(&member) { turns } else { Vec::new() };
        }
        let quorate = |index: &usize| {
            let member = &self.etcd[*index];
            let same = |other: &&Member| runs(other) && other.side == member.side && other.cluster == member.cluster;
            runs(member) && self.etcd.iter().filter(same).count() >= 2
        };
        if !quorate(&self.leader) {
            self.leader = (0..3).find(quorate).unwrap_or(self.leader);
        }
    }

    /// Lets time pass: the machines work, and every probe looks as often as it would.
    pub fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += 10;
            self.live();
            for index in 0..3 {
                self.poll(format!("e{index}"), "etcd:member", 500);
                self.poll(format!("e{index}"), "etcd:hash", 1_000);
                self.poll(format!("e{index}"), "etcd:process", 500);
                self.poll(format!("c{index}"), "consul:server", 500);
            }
            self.poll("c0".into(), "consul:lock", 500);
            for name in ["b0", "b1"] {
                self.poll(name.into(), "bbs:ping", 500);
                self.poll(name.into(), "bbs:metrics", 500);
                self.poll(name.into(), "bbs:list", 1_000);
            }
            self.poll("cc".into(), "cc:apps", 1_000);
            if self.now == 500 {
                let config = [("nsync_ms", NSYNC), ("ttl_ms", TTL), ("retry_ms", 5_000)];
                let answer = values(config.into_iter().map(|(name, value)| (name.into(), value.to_string())));
                self.emit("cc", Signal::Query { of: "diego:config".into(), answer });
            }
        }
    }

    fn live(&mut self) {
        let now = self.now;
        let commits = now.is_multiple_of(100);
        let mut came_up = false;
        for member in &mut self.etcd {
            if member.comes_up.is_some_and(|at| at <= now) {
                (member.up, member.comes_up, came_up) = (true, None, true);
                (member.pidfile, member.listener) = ("41", "41");
            }
            if let Some((_, turn)) = member.turns.iter().rfind(|(at, _)| *at <= now) {
                member.has_leader = *turn;
                member.turns.retain(|(at, _)| *at > now);
            }
        }
        if came_up {
            self.settle();
        }
        let newest = self.etcd.iter().map(|member| member.applied).max().unwrap_or_default();
        let written = self.etcd.iter().filter(|member| member.up && member.has_leader).count() >= 2;
        for member in self.etcd.iter_mut().filter(|member| commits && written && member.up && member.has_leader) {
            member.applied = (member.applied + 40).min(newest + 1);
        }
        self.lead();
        if self.nsync && self.cc && now.is_multiple_of(NSYNC) && self.lists() {
            self.desires = self.apps.clone();
        }
    }

    /// A session that ends gives the lock to a BBS that waits.
    fn lead(&mut self) {
        let now = self.now;
        if self.key.as_ref().is_some_and(|key| key.ends.is_some_and(|at| at <= now)) {
            self.key = None;
        }
        let leads = self.bbs.iter().any(|bbs| matches!(bbs, Bbs::Leads | Bbs::Migrates));
        let consul = self.consul.iter().any(|server| server.has_leader);
        if self.key.is_none()
            && !leads
            && consul
            && let Some(next) = self.bbs.iter().position(|bbs| *bbs == Bbs::Waits)
        {
            self.bbs[next] = Bbs::Leads;
            self.key = Some(Key { session: "s1", flags: LOCK_FLAGS, ttl: TTL, checks: 0, ends: None });
        }
    }

    fn lists(&self) -> bool {
        self.reaches
            && self.bbs.contains(&Bbs::Leads)
            && self.etcd.iter().any(|member| member.up && member.has_leader && !member.hangs)
    }

    fn poll(&mut self, node: String, of: &'static str, every: u64) {
        let probe = (node, of);
        if self.due.get(&probe).is_some_and(|due| *due > self.now) {
            return;
        }
        let jitter = self.below(60);
        self.due.insert(probe.clone(), self.now + every + jitter);
        // Whatever is lost, what is looked at next will be within 2.2 s.
        let bearable = self.now + every + 100 < self.seen.get(&probe).copied().unwrap_or_default() + 2_200;
        if self.below(100) < self.loss && bearable {
            return;
        }
        self.seen.insert(probe.clone(), self.now);
        let answer = self.answer(&probe.0, of);
        self.emit(&probe.0, Signal::Query { of: of.into(), answer });
    }

    fn answer(&mut self, node: &str, of: &str) -> Answer {
        let late = self.below(2) == 0;
        let index = usize::from(node.as_bytes()[1].saturating_sub(b'0')).min(2);
        let hung = || Answer::Hung { during: "query".into() };
        match of {
            "etcd:process" => {
                let Member { pidfile, listener, .. } = &self.etcd[index];
                said(&[("pidfile", pidfile), ("listener", listener)])
            }
            _ if of.starts_with("etcd:") && self.etcd[index].hangs => hung(),
            _ if of.starts_with("etcd:") && !self.etcd[index].up => Answer::Refused,
            "etcd:member" => {
                let Member { cluster, has_leader, applied, alarms, .. } = &self.etcd[index];
                let (leader, applied) = (u8::from(*has_leader).to_string(), applied.to_string());
                said(&[("cluster", cluster), ("has_leader", &leader), ("applied", &applied), ("alarms", alarms)])
            }
            "etcd:hash" => {
                let Member { hash, revision, .. } = &self.etcd[index];
                let (hash, revision) = (hash.to_string(), revision.to_string());
                said(&[("hash", &hash), ("revision", &revision), ("compacted", "1")])
            }
            "consul:server" => self.consul(index),
            "consul:lock" => self.lock(),
            "bbs:metrics" if self.bbs[index.min(1)] == Bbs::Away => Answer::Refused,
            "bbs:metrics" => said(&[("held", if self.bbs[index] == Bbs::Leads { "1" } else { "0" })]),
            "cc:apps" if !self.cc => Answer::Refused,
            "cc:apps" => values(self.apps.iter().map(|(guid, count)| (guid.clone(), count.to_string()))),
            _ => match self.bbs[index] {
                Bbs::Waits | Bbs::Away => Answer::Refused,
                Bbs::Hangs => hung(),
                Bbs::Migrates => Answer::Error { code: "503".into(), text: String::new() },
                Bbs::Leads if of == "bbs:ping" => said(&[("available", "true")]),
                Bbs::Leads if self.lists() => {
                    values(self.desires.iter().map(|(guid, count)| (guid.clone(), count.to_string())))
                }
                Bbs::Leads if late => hung(),
                Bbs::Leads => Answer::Error { code: "UnknownError".into(), text: "the request failed".into() },
            },
        }
    }

    fn consul(&self, index: usize) -> Answer {
        let Server { up, has_leader, address, peers } = &self.consul[index];
        if !up {
            return Answer::Refused;
        }
        let leader = if *has_leader { "10.0.0.0:8300" } else { "" };
        let peers = peers.iter().map(|(address, votes)| {
            (format!("peer:{address}"), if *votes { "voter".into() } else { "nonvoter".into() })
        });
        values([("address".into(), address.clone()), ("leader".into(), leader.into())].into_iter().chain(peers))
    }

    fn lock(&self) -> Answer {
        let Some(Key { session, flags, ttl, checks, .. }) = &self.key else { return said(&[]) };
        let (flags, ttl, checks) = (flags.to_string(), ttl.to_string(), checks.to_string());
        let mut all = vec![("session", *session), ("flags", &flags), ("holder", "b0")];
        if !session.is_empty() {
            all.extend([("ttl_ms", ttl.as_str()), ("checks", checks.as_str())]);
        }
        said(&all)
    }

    /// Consul's servers lose or find their leader, 1.8 s from now.
    pub fn consul_leads(&mut self, leads: bool) {
        self.run(1_800);
        self.consul.iter_mut().for_each(|server| server.has_leader = leads && server.up);
    }
}

pub fn said(said: &[(&str, &str)]) -> Answer {
    values(said.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
}
