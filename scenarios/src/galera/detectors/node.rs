//! What is known of one node: the last of each signal, and how long ago it was.

use std::time::Duration;

use reenact::{
    detect::{self, Asked, FRESH, Latest, Nodes, Since},
    probe::{Answer, Moment, Observation, PortState, Prior, Question, Signal, Tried},
};

use super::{
    files::{RestoredView, SavedState},
    log::{Ends, Log, Phase},
    processes::{Running, file_name, is_server},
    status::Status,
    words,
    writes::WRITE,
};

/// The port of SQL clients.
const SQL: u16 = 3306;
/// The port of the group's own traffic.
const GROUP: u16 = 4567;

/// With the hold of what is told of it, half a minute: a machine that reboots is back by then.
const REBOOT: Duration = Duration::from_secs(15);

/// Everything that was seen of one node.
#[derive(Debug, Default)]
pub struct Record {
    /// Whether any signal of it was Galera's.
    galera: bool,
    last: Option<Moment>,
    sql_port: Latest<PortState>,
    group_port: Latest<PortState>,
    sql: Latest<Answer>,
    /// What became of the last write that was tried on it.
    pub write: Asked<Tried>,
    /// The last position that it said to have committed, and since when it is that.
    committed: (String, Moment),
    restored: Latest<Option<RestoredView>>,
    saved: Latest<Option<SavedState>>,
    transfer_file: Latest<bool>,
    running: Latest<Running>,
    /// Whether its machine runs, and whether it is paused.
    machine: Latest<(bool, bool)>,
    /// Since when it is off.
    off: Since,
    /// What its log says.
    pub log: Log,
    /// The address by which members list it, learnt when it was last in a primary component.
    pub address: Option<String>,
    /// Whether it answered SQL since its server last began to listen (or, if that was not
    /// seen, since the stream began).
    pub answered: bool,
    /// Whether somebody knows that it was well before it was watched: it answered once it was ready then.
    was_well: bool,
}

impl detect::Record for Record {
    fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        match &observation.signal {
            Signal::Port { port: SQL, state } => {
                // It listens for a server that has not answered yet.
                self.answered &= *state != PortState::Closed;
                self.sql_port.see(at, *state);
            }
            Signal::Port { port: GROUP, state } => {
                self.galera |= *state == PortState::Open;
                self.group_port.see(at, *state);
            }
            Signal::Query { of, answer } if of == "sql:status" => self.ask(at, answer),
            Signal::Query { of, answer } if of == WRITE => _ = self.write.take(at, answer),
            Signal::Query { of, answer } if of == Prior::OF => return self.know(answer),
            Signal::Log { line } => {
                self.galera |= words::is_galera(line);
                let was_ready = self.log.phase == Phase::Ready;
                self.answered &= !self.log.observe(line);
                self.answered |= self.was_well && !was_ready && self.log.phase == Phase::Ready;
            }
            Signal::File { path, content } => self.read(at, file_name(path), content.as_deref()),
            Signal::Processes { commands } => {
                self.galera |= commands.iter().any(|command| is_server(command) && command.contains("--wsrep"));
                self.answered &= self.running.see(at, Running::of(commands)).server;
            }
            Signal::Machine { running, paused, .. } => {
                self.answered &= *running;
                self.off.note(!running, at);
                self.machine.see(at, (*running, *paused));
            }
            // Another system's, or nothing about the node.
            _ => return,
        }
        self.last = Some(at);
    }

    fn is_ours(&self) -> bool {
        self.galera
    }
}

impl Record {
    /// Takes what is known without a look.
    fn know(&mut self, answer: &Answer) {
        let Ok(Prior { was_well, address }) = answer.read() else { return };
        (self.was_well, self.answered) = (was_well, self.answered || was_well);
        self.address = address.or_else(|| self.address.take());
    }

    fn ask(&mut self, at: Moment, answer: &Answer) {
        match answer {
            Answer::Values { .. } | Answer::Error { .. } => (self.answered, self.log.ends) = (true, Ends::default()),
            Answer::Refused => self.answered = false,
            Answer::Hung { .. } => {}
        }
        if let Some(status) = Status::of(answer) {
            self.galera = true;
            if let Some(address) = status.own_address() {
                self.address = Some(address.to_owned());
            }
            let committed = status.get("wsrep_last_committed");
            if self.committed.0 != committed {
                self.committed = (committed.to_owned(), at);
            }
        }
        self.sql.see(at, answer.clone());
    }

    fn read(&mut self, at: Moment, name: &str, content: Option<&str>) {
        match name {
            "gvwstate.dat" => {
                self.galera |= content.is_some();
                self.restored.see(at, content.and_then(RestoredView::parse));
            }
            "grastate.dat" => {
                self.galera |= content.is_some();
                self.saved.see(at, content.and_then(SavedState::parse));
            }
            "sst_in_progress" => _ = self.transfer_file.see(at, content.is_some()),
            _ => {}
        }
    }
}

/// All nodes, with what is known of each.
pub type ClusterView = Nodes<Record>;

/// The nodes that were ever seen to be Galera's; or why nothing can be told: there was none,
/// or no signal of any is fresh.
pub fn nodes(view: &ClusterView) -> Result<Vec<Node<'_>>, String> {
    let now = view.now();
    let galera = view.iter().filter(|(_, record)| record.galera);
    let nodes: Vec<_> = galera.map(|(name, record)| Node { name, now, record }).collect();
    let is_watched = |node: &Node<'_>| node.record.last.is_some_and(|last| now.since(last) <= FRESH);
    match nodes.iter().any(is_watched) {
        true => Ok(nodes),
        false if nodes.is_empty() => Err("no signal of a Galera node was ever seen".into()),
        false => Err("no signal of any Galera node is fresh".into()),
    }
}

/// A node as it is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Node<'v> {
    pub name: &'v str,
    now: Moment,
    pub record: &'v Record,
}

impl<'v> Node<'v> {
    /// Whether its server runs, as far as can be told.
    pub fn runs(&self) -> Option<bool> {
        let running = self.record.running.fresh(self.now).map(|running| running.server);
        let off = self.record.machine.fresh(self.now).is_some_and(|&(running, _)| !running);
        match self.record.group_port.fresh(self.now) {
            _ if off || running == Some(false) => Some(false),
            Some(state) => Some(*state == PortState::Open),
            None => running,
        }
    }

    pub fn is_paused(&self) -> bool {
        self.record.machine.fresh(self.now).is_some_and(|&(_, paused)| paused)
    }

    /// Whether it listens for SQL clients, as far as can be told.
    pub fn listens(&self) -> Option<bool> {
        match (self.record.sql_port.fresh(self.now), self.record.sql.fresh(self.now)) {
            (Some(PortState::Open), _) => Some(true),
            (Some(PortState::Closed), _) | (_, Some(Answer::Refused)) => Some(false),
            (_, Some(Answer::Values { .. } | Answer::Error { .. })) => Some(true),
            _ => None,
        }
    }

    /// Where SQL hangs, for a client whom the node's kernel takes in or would take
    /// in: a hung server fetches nobody from its queue, and once the queue is full
    /// (with checks of the port ten times a second, after six seconds) the kernel
    /// drops further connects silently. A node that is out of reach is silent on
    /// its group port as well.
    pub fn hangs(&self) -> Option<&'v str> {
        let Answer::Hung { during } = self.record.sql.fresh(self.now)? else { return None };
        let accepted = self.listens() == Some(true) && during != "connect";
        let queue_is_full = self.record.sql_port.fresh(self.now) == Some(&PortState::Silent)
            && self.record.group_port.fresh(self.now) == Some(&PortState::Open);
        (accepted || queue_is_full).then_some(during)
    }

    /// What it says of itself.
    pub fn status(&self) -> Option<Status<'v>> {
        self.record.sql.fresh(self.now).and_then(Status::of)
    }

    /// Whether it serves clients in a primary component.
    pub fn is_primary(&self) -> bool {
        self.status().is_some_and(|status| status.is_primary())
    }

    /// The evidence of a state transfer, if one is under way. A list of processes
    /// is better evidence than the file, which a killed transfer leaves behind.
    pub fn transfer(&self) -> Option<&'v str> {
        match self.record.running.fresh(self.now) {
            Some(running) => running.transfer.as_deref(),
            None => self.record.transfer_file.fresh(self.now)?.then_some("sst_in_progress"),
        }
    }

    /// Whether its machine is up and no server runs on it, nor anything that goes before one.
    /// A kernel that refuses connects is up.
    pub fn lacks_server(&self) -> bool {
        let is_off = self.record.machine.fresh(self.now).is_some_and(|&(running, paused)| !running || paused);
        let nobody_listens = self.listens() == Some(false)
            && self.record.group_port.fresh(self.now).is_none_or(|port| *port == PortState::Closed);
        match self.record.running.fresh(self.now) {
            _ if is_off => false,
            Some(running) => !running.server && !running.recovers && self.listens() != Some(true),
            None => nobody_listens,
        }
    }

    /// Whether its machine is off for longer than it would be between two boots.
    pub fn is_off_for_good(&self) -> bool {
        let is_off = self.record.machine.fresh(self.now).is_some_and(|&(running, _)| !running);
        is_off && self.record.off.0.is_some_and(|since| self.now.since(since) >= REBOOT)
    }

    /// For how long it has committed nothing, as far as it was asked.
    pub fn stands_still(&self) -> Duration {
        self.now.since(self.record.committed.1)
    }

    /// The write that is tried on it.
    pub fn write(&self) -> Option<&'v Tried> {
        self.record.write.known(self.now).ok()
    }

    /// What it has saved of its state.
    pub fn saved(&self) -> Option<&'v SavedState> {
        self.record.saved.fresh(self.now)?.as_ref()
    }

    /// The view that it has on disk, to be restored.
    pub fn restored(&self) -> Option<&'v RestoredView> {
        self.record.restored.fresh(self.now)?.as_ref()
    }

    /// How many nodes its group may have, as far as it can tell: the addresses that
    /// it was configured with and the members of the view on its disk.
    pub fn group(&self) -> usize {
        self.restored().map_or(0, |view| view.members).max(self.record.log.peers)
    }

    /// Whether it counts `node` as a member of its component. Where that one's address is
    /// not known, a component of all the nodes must hold it.
    pub fn counts(&self, node: &Node<'_>, nodes: &[Node<'_>]) -> bool {
        self.status().is_some_and(|status| match &node.record.address {
            Some(address) if self.is_listed_by(&status) => status.lists(address),
            _ => status.size() >= nodes.len(),
        })
    }

    /// Whether a list of members has this node, so that who is not in it is no member.
    fn is_listed_by(&self, status: &Status<'_>) -> bool {
        self.record.address.as_ref().is_some_and(|own| status.lists(own))
    }

    /// Whether two nodes' components leave each other out. Where addresses are not
    /// known, both together must fit among the nodes, under different view numbers.
    pub fn excludes(&self, other: &Node<'_>, nodes: &[Node<'_>]) -> bool {
        let (Some(first), Some(second)) = (self.status(), other.status()) else { return false };
        match (&self.record.address, &other.record.address) {
            (Some(one), Some(theirs)) if self.is_listed_by(&first) && other.is_listed_by(&second) => {
                !first.lists(theirs) && !second.lists(one)
            }
            _ => {
                first.get("wsrep_cluster_conf_id") != second.get("wsrep_cluster_conf_id")
                    && first.size() + second.size() <= nodes.len()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reenact::detect::{
        Record as _,
        testing::{error, hung, log, machine, query, seen},
    };

    use super::*;

    fn port(port: u16, state: PortState) -> Signal {
        Signal::Port { port, state }
    }

    fn status(answer: Answer) -> Signal {
        query("sql:status", answer)
    }

    fn processes(command: &str) -> Signal {
        Signal::Processes { commands: vec![command.into()] }
    }

    /// Whether a node that has answered still has after this.
    fn still_answered(signs: &[Signal]) -> bool {
        let mut record = Record::default();
        record.observe(&seen(1, "n1", status(error("1047", ""))));
        assert!(record.answered);
        signs.iter().for_each(|sign| record.observe(&seen(1, "n1", sign.clone())));
        record.answered
    }

    #[test]
    fn each_sign_of_another_server_makes_it_one_that_has_not_answered() {
        let load = "0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'";
        for sign in [
            port(SQL, PortState::Closed),
            status(Answer::Refused),
            log(load),
            processes("/usr/sbin/mariadbd --wsrep-recover"),
            machine(false, false, Some((137, false, 0))),
        ] {
            assert!(!still_answered(std::slice::from_ref(&sign)), "{sign:?}");
        }
    }

    #[test]
    fn who_was_well_had_answered_once_its_log_says_that_it_was_ready() {
        let begins = "0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'";
        let ready = "0 [Note] /usr/sbin/mariadbd: ready for connections.";
        for (was_well, lines, answered) in [
            (true, &[][..], true),
            (true, &[begins][..], false),
            (true, &[begins, ready][..], true),
            (true, &[begins, ready, begins][..], false),
            (false, &[begins, ready][..], false),
        ] {
            let mut record = Record::default();
            let prior = Prior { was_well, address: None };
            record.observe(&seen(0, "n1", Signal::told(&prior)));
            lines.iter().for_each(|line| record.observe(&seen(1, "n1", log(line))));
            assert_eq!(record.answered, answered, "{was_well} {lines:?}");
        }
    }

    #[test]
    fn a_server_that_only_hangs_is_the_same_server() {
        assert!(still_answered(&[
            port(SQL, PortState::Silent),
            port(SQL, PortState::Open),
            port(GROUP, PortState::Closed),
            status(hung("connect")),
            processes("/usr/sbin/mariadbd --wsrep_start_position=a:1"),
            machine(true, true, None),
        ]));
    }
}
