//! Diego in memory, as its runbooks meet it: machines, their supervisors and processes, and
//! what etcd, Consul and the BBSes answer. A command that it does not know is a panic, and
//! not an answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use reenact::{
    Result,
    journal::Journal,
    probe::{Answer, Clock},
    runbook::{Conclusion, Hands, Operator, Output, Runbook},
};
use serde_json::Value;

use super::super::super::{BBSES, CONSULS, ETCDS, consul::LOCK_FLAGS, http::IN_MEMORY};

/// What happens at a command, and when.
type Event = (&'static str, fn(&mut World));

/// What a member of etcd answers; the leader of one that has none is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) cluster: u64,
    pub(super) leader: u64,
    pub(super) index: u64,
    pub(super) hash: u64,
    pub(super) keys: usize,
    pub(super) alarm: &'static str,
}

/// A member of a healthy cluster.
pub(super) const LED: Member = Member { cluster: 1, leader: 7, index: 100, hash: 5, keys: 3, alarm: "" };

/// What a server of Consul's answers about its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Led(&'static str),
    Alone,
    Refuses,
    Hangs,
}

/// A machine, whatever it is for.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) up: bool,
    /// What its etcd answers, if it does.
    pub(super) etcd: Option<Member>,
    pub(super) pidfile: &'static str,
    /// The process that has etcd's port.
    pub(super) listener: &'static str,
    /// What the one that listens was started by; an orphan's is `vm`.
    pub(super) parent: &'static str,
    pub(super) started_at: Option<u64>,
    pub(super) last_words: &'static str,
    pub(super) has_log: bool,
    pub(super) is_forced: bool,
    /// Its job's further flags.
    pub(super) flags: String,
    /// Whether its log says that etcd does not know a flag.
    pub(super) complains: bool,
    pub(super) consul: Server,
    /// Whether a process of Consul's runs.
    pub(super) runs_consul: bool,
    /// Raft's peers, by their addresses, and whether they vote.
    pub(super) peers: Vec<(String, bool)>,
    pub(super) keyring: &'static str,
    /// Whether its BBS answers.
    pub(super) leads: bool,
    /// At so many looks for a process somebody has started it again; 0: nobody does.
    pub(super) returns_at: usize,
    looks: usize,
    /// Whether what its supervisor stops runs on.
    pub(super) is_stubborn: bool,
    /// What the supervisor has given up.
    pub(super) given_up: BTreeSet<String>,
}

/// The lock's key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lock {
    pub(super) flags: u64,
    pub(super) session: &'static str,
    pub(super) ttl: &'static str,
    pub(super) holder: &'static str,
}

/// A lock that a BBS holds as it should.
pub(super) const HELD: Lock = Lock { flags: LOCK_FLAGS, session: "s1", ttl: "5s", holder: "bbs1" };

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) machines: BTreeMap<&'static str, Machine>,
    pub(super) lock: Option<Lock>,
    /// Whether what is started serves.
    pub(super) heals: bool,
    /// Old addresses at which somebody still answers.
    pub(super) answers_at: Vec<String>,
    /// Every change, such as `etcd1$ monit stop etcd`.
    pub(super) changes: Vec<String>,
    /// What else happens at a change with these words.
    pub(super) at: Vec<Event>,
}

/// The server that leads Consul.
pub(super) const LEADER: &str = "10.0.0.4:8300";

fn names() -> Vec<&'static str> {
    [&ETCDS[..], &CONSULS, &BBSES].concat()
}

/// A node's address.
pub(super) fn ip(node: &str) -> Ipv4Addr {
    let at = names().iter().position(|name| *name == node).expect("a node");
    Ipv4Addr::new(10, 0, 0, u8::try_from(at + 1).expect("few"))
}

/// Raft's address of each server.
pub(super) fn peers() -> Vec<(String, bool)> {
    CONSULS.iter().map(|node| (format!("{}:8300", ip(node)), true)).collect()
}

impl World {
    /// A healthy one.
    pub(super) fn healthy() -> Self {
        let machine = |node: &'static str| {
            let is_etcd = ETCDS.contains(&node);
            let machine = Machine {
                up: true,
                etcd: is_etcd.then_some(LED),
                pidfile: if is_etcd { "70" } else { "" },
                listener: if is_etcd { "70" } else { "" },
                parent: "vm",
                started_at: None,
                last_words: "",
                has_log: true,
                is_forced: false,
                flags: String::new(),
                complains: false,
                consul: if is_etcd { Server::Refuses } else { Server::Led(LEADER) },
                runs_consul: !is_etcd,
                peers: peers(),
                keyring: r#"["common"]"#,
                leads: node == "bbs1",
                returns_at: 0,
                looks: 0,
                is_stubborn: false,
                given_up: BTreeSet::new(),
            };
            (node, machine)
        };
        let machines = names().into_iter().map(machine).collect();
        Self { machines, lock: Some(HELD), heals: true, answers_at: Vec::new(), changes: Vec::new(), at: Vec::new() }
    }

    /// The same, with these machines changed.
    #[must_use]
    pub(super) fn with(mut self, nodes: &[&str], change: impl Fn(&mut Machine)) -> Self {
        nodes.iter().for_each(|node| change(self.machine(node)));
        self
    }

    pub(super) fn machine(&mut self, node: &str) -> &mut Machine {
        self.machines.get_mut(node).expect("a node")
    }

    /// A machine that is off.
    pub(super) fn off(machine: &mut Machine) {
        (machine.up, machine.etcd, machine.listener, machine.leads) = (false, None, "", false);
        (machine.consul, machine.runs_consul) = (Server::Refuses, false);
    }

    /// A member that runs and knows no leader.
    pub(super) fn leaderless(machine: &mut Machine) {
        machine.etcd = Some(Member { leader: 0, ..LED });
    }

    /// A member that cannot start on its data.
    pub(super) fn corrupt(machine: &mut Machine) {
        (machine.etcd, machine.listener, machine.last_words) = (None, "", "walpb: crc mismatch");
    }

    /// A server that runs and knows no leader.
    pub(super) fn alone(machine: &mut Machine) {
        machine.consul = Server::Alone;
    }

    /// The changes with these words, by their places.
    pub(super) fn places(&self, words: &str) -> Vec<usize> {
        let told = self.changes.iter().enumerate().filter(|(_, change)| change.contains(words));
        told.map(|(at, _)| at).collect()
    }
}

/// A world that a test and its operator's hands share.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a runbook to its end: what it says, and the world afterwards.
pub(super) async fn call(runbook: &dyn Runbook, world: World) -> (Result<Conclusion>, World) {
    let shared = Shared(Arc::new(Mutex::new(world)));
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Journal::create(&folder.path().join("events.jsonl"), Clock::start()).expect("a journal");
    let operator = Operator::new(Box::new(shared.clone()), &journal, None);
    let asked = shared.clone();
    let answers = Arc::new(move |ip: Ipv4Addr, port: u16, path: &str| asked.world().answer(ip, port, path));
    let said = IN_MEMORY.scope(answers, runbook.run(&operator)).await;
    let world = shared.world().clone();
    (said, world)
}

#[async_trait]
impl Hands for Shared {
    fn nodes(&self) -> Vec<&str> {
        names()
    }

    fn ip(&self, node: &str) -> Result<Ipv4Addr> {
        Ok(ip(node))
    }

    async fn is_up(&self, node: &str) -> Result<bool> {
        Ok(self.world().machines[node].up)
    }

    async fn power_on(&self, node: &str) -> Result<()> {
        self.world().change(node, "power on");
        Ok(())
    }

    async fn run(&self, node: &str, command: &[&str]) -> Result<Output> {
        let mut world = self.world();
        if !world.machines[node].up {
            return Ok(Output { code: 255, text: format!("{node} is down") });
        }
        let (code, text) = match world.look(node, command) {
            Some(said) => said,
            None => world.change(node, &command.join(" ")),
        };
        Ok(Output { code, text })
    }
}

impl World {
    fn answer(&mut self, ip: Ipv4Addr, port: u16, path: &str) -> Result<Value, Answer> {
        let node = names()[usize::from(ip.octets()[3]) - 1];
        if ["compaction", "defragment", "alarm"].iter().any(|word| path.ends_with(word)) {
            self.changes.push(format!("{node}: {path}"));
        }
        super::services::answer(self, &self.machines[node], port, path)
    }

    fn look(&mut self, node: &str, command: &[&str]) -> Option<(i64, String)> {
        let machine = self.machine(node);
        machine.looks += usize::from(command[0] == "pgrep");
        if machine.looks == machine.returns_at && machine.returns_at > 0 {
            (machine.listener, machine.runs_consul) = ("99", true);
        }
        super::shell::look(self, node, command)
    }

    fn change(&mut self, node: &str, what: &str) -> (i64, String) {
        self.changes.push(format!("{node}$ {what}"));
        let now: Vec<_> = self.at.iter().filter(|(words, _)| what.contains(words)).map(|(_, then)| *then).collect();
        let said = super::shell::change(self, node, what);
        now.into_iter().for_each(|then| then(self));
        said
    }
}
