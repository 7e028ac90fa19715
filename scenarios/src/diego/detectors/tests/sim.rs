//! The simulated machines: three of etcd (`e0` to `e2`), three of Consul, two BBSes, and
//! the Cloud Controller. What takes measured time takes it here too.

use std::collections::BTreeMap;

use reenact::{
    detect::testing::{Tape, World, error, hung, machine, on_tape, query, values},
    probe::{Answer, Tried},
};

use super::super::{
    super::signals::{Etcd, Hash, Metrics},
    lock::LOCK_FLAGS,
};

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
    pub hangs: bool,
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
    tape: Tape,
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
    /// Whether the Cloud Controller's database is away.
    pub cc_hangs: bool,
    /// Since when writes hang, whoever is asked for one.
    pub stalled: Option<u64>,
    /// Machines that run without their jobs.
    pub in_vain: Vec<&'static str>,
    /// Machines that are off, whatever runs on them.
    pub off: Vec<&'static str>,
    /// Whether their operator has told monit to leave the jobs alone.
    pub unmonitored: bool,
}

on_tape!(Sim);

/// Who is asked what, and how often.
const LOOKS: [(&[&str], &str, u64); 11] = [
    (&["e0", "e1", "e2"], "etcd:member", 500),
    (&["e0", "e1", "e2"], "etcd:hash", 1_000),
    (&["e0", "e1", "e2"], "etcd:process", 500),
    (&["e0", "e1", "e2"], "etcd:write", 1_000),
    (&["c0", "c1", "c2"], "consul:server", 500),
    (&["c0"], "consul:lock", 500),
    (&["b0", "b1"], "bbs:ping", 500),
    (&["b0", "b1"], "bbs:metrics", 500),
    (&["b0", "b1"], "bbs:list", 1_000),
    (&["cc"], "cc:apps", 1_000),
    (&MACHINES, "monit:jobs", 2_000),
];

/// All machines.
const MACHINES: [&str; 9] = ["e0", "e1", "e2", "c0", "c1", "c2", "b0", "b1", "cc"];

impl World for Sim {
    fn live(&mut self) {
        self.act();
        for (nodes, of, every) in LOOKS {
            for node in nodes {
                if self.looks(node, of, every) {
                    let answer = self.answer(node, of);
                    self.emit(node, query(of, answer));
                }
            }
        }
        for node in MACHINES {
            if self.looks(node, "machine", 1_000) {
                let running = self.is_powered(node);
                self.emit(node, machine(running, false, None));
            }
        }
        if self.now == 500 {
            self.emit("cc", query("diego:config", values([("nsync_ms", NSYNC), ("retry_ms", 5_000)])));
        }
    }
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
        let server =
            |index| Server { up: true, hangs: false, has_leader: true, address: address(index), peers: peers.clone() };
        let apps: BTreeMap<_, _> = (0..6).map(|app| (format!("app-{app}"), 2)).collect();
        let mut sim = Self {
            tape: Tape::new("diego/", seed),
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
            cc_hangs: false,
            stalled: None,
            in_vain: Vec::new(),
            off: Vec::new(),
            unmonitored: false,
        };
        sim.gap = 2_200;
        sim.run(3_000);
        sim
    }

    /// Whether the machine runs. A member of etcd or Consul that is away is off, but for jobs that do not
    /// start; a BBS that is away was stopped.
    fn is_powered(&self, node: &str) -> bool {
        let index = usize::from(node.as_bytes()[1].saturating_sub(b'0')).min(2);
        let is_off = self.off.contains(&node);
        self.in_vain.contains(&node)
            || match node.as_bytes()[0] {
                _ if is_off => false,
                b'e' => self.etcd[index].up || self.etcd[index].comes_up.is_some(),
                b'c' if node != "cc" => self.consul[index].up,
                b'b' => true,
                _ => self.cc,
            }
    }

    /// Each machine has one job.
    fn monit(&self, node: &str) -> Answer {
        let job = match node.as_bytes()[0] {
            b'e' => "etcd",
            b'b' => "bbs",
            _ if node == "cc" => "cloud-controller",
            _ => "consul_agent",
        };
        let index = usize::from(node.ends_with('1'));
        let is_stopped = job == "bbs" && self.bbs[index] == Bbs::Away && !self.off.contains(&node);
        let status = match (self.unmonitored || is_stopped, self.in_vain.contains(&node)) {
            (true, _) => "unmonitored",
            (_, true) => "failing",
            _ => "ok",
        };
        values([(job, status)])
    }

    /// A member's machine runs, and etcd ends at each start with that line.
    pub fn starts_in_vain(&mut self, index: usize, line: &str) {
        self.kill(index);
        self.in_vain.push(["e0", "e1", "e2"][index]);
        self.log(&format!("e{index}"), line);
    }

    /// Its job is down for ten seconds, starts, and lives for less than two.
    pub fn starts_and_dies(&mut self, index: usize) {
        self.starts_in_vain(index, "panic: out of luck");
        self.run(10_000);
        self.in_vain.clear();
        self.start(index);
        self.run(3_000);
    }

    /// Ends a member's machine.
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

    fn act(&mut self) {
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

    fn answer(&mut self, node: &str, of: &str) -> Answer {
        let late = self.below(2) == 0;
        let index = usize::from(node.as_bytes()[1].saturating_sub(b'0')).min(2);
        match of.split_once(':').expect("a question") {
            ("monit", _) if !self.is_powered(node) => Answer::Refused,
            ("monit", _) => self.monit(node),
            ("etcd", what) => self.etcd(index, what),
            ("consul", "server") => self.consul(index),
            ("consul", _) => self.lock(),
            ("bbs", "metrics") if self.bbs[index] == Bbs::Away => Answer::Refused,
            ("bbs", "metrics") => Answer::of(&Metrics { held: self.bbs[index] == Bbs::Leads }),
            ("cc", _) if !self.cc => Answer::Refused,
            ("cc", _) if self.cc_hangs => hung("request"),
            ("cc", _) => Answer::of(&self.apps),
            (_, what) => match self.bbs[index] {
                Bbs::Waits | Bbs::Away => Answer::Refused,
                Bbs::Hangs => hung("query"),
                Bbs::Migrates => error("503", ""),
                Bbs::Leads if what == "ping" => values([("available", "true")]),
                Bbs::Leads if self.lists() => Answer::of(&self.desires),
                Bbs::Leads if late => hung("query"),
                Bbs::Leads => error("UnknownError", "the request failed"),
            },
        }
    }

    fn etcd(&self, index: usize, what: &str) -> Answer {
        let Member { cluster, has_leader, applied, alarms, hash, revision, .. } = self.etcd[index].clone();
        match what {
            "process" => values([("pidfile", self.etcd[index].pidfile), ("listener", self.etcd[index].listener)]),
            _ if self.etcd[index].hangs => hung("query"),
            _ if !self.etcd[index].up => Answer::Refused,
            "write" if !has_leader => self.tried(Some(self.now.saturating_sub(1_000))),
            "write" => self.tried(self.stalled),
            "hash" => Answer::of(&Hash { hash, revision, compacted: 1 }),
            _ => {
                let (cluster, alarms) = (cluster.into(), alarms.into());
                Answer::of(&Etcd { cluster, has_leader, applied, alarms, ..Etcd::default() })
            }
        }
    }

    /// What became of a write that hangs since then.
    fn tried(&self, since: Option<u64>) -> Answer {
        let ms = since.map_or(4, |since| self.now - since);
        Answer::of(&Tried { done: since.is_none(), ms, waits_for: "an answer".into() })
    }

    fn consul(&self, index: usize) -> Answer {
        let Server { up, hangs, has_leader, address, peers } = &self.consul[index];
        if *hangs {
            return hung("request");
        }
        if !up {
            return Answer::Refused;
        }
        let leader = if *has_leader { "10.0.0.0:8300" } else { "" };
        let role = |votes| if votes { "voter" } else { "nonvoter" };
        let peers = peers.iter().map(|(peer, votes)| (format!("peer:{peer}"), role(*votes)));
        values(peers.chain([("address".to_owned(), address.as_str()), ("leader".to_owned(), leader)]))
    }

    fn lock(&self) -> Answer {
        let Some(Key { session, flags, ttl, checks, .. }) = &self.key else { return values([("", ""); 0]) };
        let session_is = [("ttl_ms", *ttl), ("checks", u64::from(*checks))].into_iter().filter(|_| !session.is_empty());
        let numbers = session_is.chain([("flags", *flags)]).map(|(name, number)| (name, number.to_string()));
        values(numbers.chain([("session", (*session).to_owned()), ("holder", "b0".to_owned())]))
    }

    pub fn change_key(&mut self, how: impl FnOnce(&mut Key)) {
        self.key.as_mut().map(how);
    }

    /// The session that holds the lock ends in so long.
    pub fn ends_in(&mut self, milliseconds: u64) {
        let ends = self.now + milliseconds;
        self.change_key(|key| key.ends = Some(ends));
    }

    /// Consul's servers lose or find their leader, 1.8 s from now.
    pub fn consul_leads(&mut self, leads: bool) {
        self.run(1_800);
        self.consul.iter_mut().for_each(|server| server.has_leader = leads && server.up);
    }
}
