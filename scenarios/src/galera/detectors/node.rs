//! What is known of one node: the last of each signal, and how long ago it was.

use std::{collections::BTreeMap, time::Duration};

use reenact::probe::{Answer, Moment, Observation, PortState, Signal};

use super::log::{self, Component, Log};

/// A polled signal that was last seen longer ago than this is not known. Every
/// probe looks at least twice a second, and SQL answers or hangs within 1.2 s, so
/// this is the loss of two polls in a row at the least.
pub const FRESH: Duration = Duration::from_secs(3);

/// The port of SQL clients.
const SQL: u16 = 3306;
/// The port of the group's own traffic.
const GROUP: u16 = 4567;

/// A value and when it was last seen.
#[derive(Debug, Clone)]
struct Seen<T> {
    at: Moment,
    value: T,
}

/// The server's view of its group that it restores when it starts again, from
/// `gvwstate.dat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredView {
    /// The view's id without its kind, such as `11111111-1111-11e1-8002-111111111111 4`.
    pub id: String,
    /// The number of its members.
    pub members: usize,
}

impl RestoredView {
    /// Reads `gvwstate.dat`; `None` for an empty or half-written one.
    fn parse(content: &str) -> Option<Self> {
        let id = content.lines().find_map(|line| line.strip_prefix("view_id: "))?;
        let (_kind, id) = id.trim().split_once(' ')?;
        let members = content.lines().filter(|line| line.starts_with("member: ")).count();
        Some(Self { id: id.to_owned(), members })
    }
}

/// What the list of processes tells.
#[derive(Debug, Clone)]
struct Running {
    server: bool,
    transfer: Option<String>,
}

impl Running {
    fn of(commands: &[String]) -> Self {
        Self {
            server: commands.iter().any(|command| is_server(command)),
            transfer: commands.iter().find(|command| is_transfer(command)).cloned(),
        }
    }
}

/// Whether this is the server, not a position recovery that is run beside it.
fn is_server(command: &str) -> bool {
    let program = command.split_whitespace().next().map(file_name);
    matches!(program, Some("mariadbd" | "mysqld"))
        && !command.contains("--wsrep-recover")
        && !command.contains("--wsrep_recover")
}

fn is_transfer(command: &str) -> bool {
    let mut words = command.split_whitespace().map(file_name);
    let script = words.clone().take(3).any(|word| word.starts_with("wsrep_sst_"));
    script || (words.next() == Some("rsync") && words.any(|word| word == "--daemon"))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Everything that was seen of one node.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Whether any signal of it was Galera's.
    pub(super) galera: bool,
    last: Option<Moment>,
    sql_port: Option<Seen<PortState>>,
    group_port: Option<Seen<PortState>>,
    sql: Option<Seen<Answer>>,
    restored: Option<Seen<Option<RestoredView>>>,
    transfer_file: Option<Seen<bool>>,
    running: Option<Seen<Running>>,
    machine: Option<Seen<(bool, bool)>>,
    log: Log,
    address: Option<String>,
    answered: bool,
}

impl Record {
    pub(super) fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        match &observation.signal {
            Signal::Port { port: SQL, state } => {
                // It listens for a server that has not answered yet.
                self.answered &= *state != PortState::Closed;
                self.sql_port = Some(Seen { at, value: *state });
            }
            Signal::Port { port: GROUP, state } => {
                self.galera |= *state == PortState::Open;
                self.group_port = Some(Seen { at, value: *state });
            }
            Signal::Query { of, answer } if of == "sql:status" => self.ask(at, answer),
            Signal::Log { line } => {
                self.galera |= log::is_galera(line);
                self.answered &= !self.log.observe(line);
            }
            Signal::File { path, content } => self.read(at, file_name(path), content.as_deref()),
            Signal::Processes { commands } => {
                let value = Running::of(commands);
                self.galera |= commands.iter().any(|command| is_server(command) && command.contains("--wsrep"));
                self.answered &= value.server;
                self.running = Some(Seen { at, value });
            }
            Signal::Machine { running, paused, .. } => {
                self.answered &= *running;
                self.machine = Some(Seen { at, value: (*running, *paused) });
            }
            // Another system's, or nothing about the node.
            _ => return,
        }
        self.last = Some(at);
    }

    fn ask(&mut self, at: Moment, answer: &Answer) {
        match answer {
            Answer::Values { .. } | Answer::Error { .. } => self.answered = true,
            Answer::Refused => self.answered = false,
            Answer::Hung { .. } => {}
        }
        if let Some(status) = Status::of(answer) {
            self.galera = true;
            if let Some(address) = status.own_address() {
                self.address = Some(address.to_owned());
            }
        }
        self.sql = Some(Seen { at, value: answer.clone() });
    }

    fn read(&mut self, at: Moment, name: &str, content: Option<&str>) {
        match name {
            "gvwstate.dat" => {
                self.galera |= content.is_some();
                self.restored = Some(Seen { at, value: content.and_then(RestoredView::parse) });
            }
            "grastate.dat" => self.galera |= content.is_some(),
            "sst_in_progress" => self.transfer_file = Some(Seen { at, value: content.is_some() }),
            _ => {}
        }
    }
}

/// A node as it is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Node<'v> {
    /// Its name.
    pub name: &'v str,
    now: Moment,
    record: &'v Record,
}

impl<'v> Node<'v> {
    pub(super) fn new(name: &'v str, now: Moment, record: &'v Record) -> Self {
        Self { name, now, record }
    }

    fn fresh<T>(&self, seen: &'v Option<Seen<T>>) -> Option<&'v T> {
        seen.as_ref().filter(|seen| self.now.since(seen.at) <= FRESH).map(|seen| &seen.value)
    }

    /// Whether any signal of it is fresh.
    pub fn is_watched(&self) -> bool {
        self.record.last.is_some_and(|last| self.now.since(last) <= FRESH)
    }

    /// Whether its server runs, as far as can be told.
    pub fn runs(&self) -> Option<bool> {
        let off = self.fresh(&self.record.machine).is_some_and(|&(running, _)| !running);
        let gone = self.fresh(&self.record.running).is_some_and(|running| !running.server);
        match self.fresh(&self.record.group_port) {
            _ if off || gone => Some(false),
            Some(state) => Some(*state == PortState::Open),
            None => self.fresh(&self.record.running).map(|running| running.server),
        }
    }

    /// Whether its machine is paused.
    pub fn is_paused(&self) -> bool {
        self.fresh(&self.record.machine).is_some_and(|&(_, paused)| paused)
    }

    /// Whether it listens for SQL clients, as far as can be told.
    pub fn listens(&self) -> Option<bool> {
        match (self.fresh(&self.record.sql_port), self.fresh(&self.record.sql)) {
            (Some(PortState::Open), _) => Some(true),
            (Some(PortState::Closed), _) | (_, Some(Answer::Refused)) => Some(false),
            (_, Some(Answer::Values { .. } | Answer::Error { .. })) => Some(true),
            _ => None,
        }
    }

    /// Whether it answered SQL since its server last began to listen (or, if that
    /// was not seen, since the stream began).
    pub fn has_answered(&self) -> bool {
        self.record.answered
    }

    /// Where SQL hangs, for a client whom the node's kernel takes in or would take
    /// in: a hung server fetches nobody from its queue, and once the queue is full
    /// (with checks of the port ten times a second, after six seconds) the kernel
    /// drops further connects silently. A node that is out of reach is silent on
    /// its group port as well.
    pub fn hangs(&self) -> Option<&'v str> {
        let Answer::Hung { during } = self.fresh(&self.record.sql)? else { return None };
        let accepted = self.listens() == Some(true) && during != "connect";
        let queue_is_full = self.fresh(&self.record.sql_port) == Some(&PortState::Silent)
            && self.fresh(&self.record.group_port) == Some(&PortState::Open);
        (accepted || queue_is_full).then_some(during)
    }

    /// What it says of itself.
    pub fn status(&self) -> Option<Status<'v>> {
        self.fresh(&self.record.sql).and_then(Status::of)
    }

    /// The evidence of a state transfer, if one is under way. A list of processes
    /// is better evidence than the file, which a killed transfer leaves behind.
    pub fn transfer(&self) -> Option<&'v str> {
        match self.fresh(&self.record.running) {
            Some(running) => running.transfer.as_deref(),
            None => self.fresh(&self.record.transfer_file)?.then_some("sst_in_progress"),
        }
    }

    /// The view that it has on disk, to be restored.
    pub fn restored(&self) -> Option<&'v RestoredView> {
        self.fresh(&self.record.restored)?.as_ref()
    }

    /// How many nodes its group may have, as far as it can tell: the addresses that
    /// it was configured with and the members of the view on its disk.
    pub fn group(&self) -> usize {
        self.restored().map_or(0, |view| view.members).max(self.record.log.peers)
    }

    /// The component that its log last told of.
    pub fn component(&self) -> Option<&'v Component> {
        self.record.log.component.as_ref()
    }

    /// Its log's line about restored views that diverge.
    pub fn diverged(&self) -> Option<&'v str> {
        self.record.log.diverged.as_deref()
    }

    /// Its log's line about data that are not the group's.
    pub fn inconsistency(&self) -> Option<&'v str> {
        self.record.log.inconsistency.as_deref()
    }

    /// The address by which members list it, learnt when it was last in a primary
    /// component.
    pub fn address(&self) -> Option<&'v str> {
        self.record.address.as_deref()
    }
}

/// What `SHOW GLOBAL STATUS LIKE 'wsrep%'` says.
#[derive(Debug, Clone, Copy)]
pub struct Status<'v>(&'v BTreeMap<String, String>);

impl<'v> Status<'v> {
    /// `None` for another answer, and for a server that has no Galera.
    fn of(answer: &'v Answer) -> Option<Self> {
        match answer {
            Answer::Values { values } if values.contains_key("wsrep_cluster_status") => Some(Self(values)),
            _ => None,
        }
    }

    /// One of the variables, empty if it is not there.
    pub fn get(&self, name: &str) -> &'v str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether it serves clients in a primary component.
    pub fn is_primary(&self) -> bool {
        self.get("wsrep_cluster_status") == "Primary" && self.get("wsrep_ready") == "ON"
    }

    /// Whether it is in a component that has lost the quorum.
    pub fn is_non_primary(&self) -> bool {
        self.get("wsrep_cluster_status").eq_ignore_ascii_case("non-Primary") && !self.is_expelled()
    }

    /// Whether it has left its group, for its data differ.
    pub fn is_expelled(&self) -> bool {
        self.get("wsrep_cluster_status") == "Disconnected" || self.get("wsrep_local_state_comment") == "Inconsistent"
    }

    /// The number of members of its component.
    pub fn size(&self) -> usize {
        self.get("wsrep_cluster_size").parse().unwrap_or(0)
    }

    /// Whether its component has a member with this address.
    pub fn lists(&self, address: &str) -> bool {
        self.get("wsrep_incoming_addresses").split(',').any(|member| member == address)
    }

    /// Its own address. Only a primary component's list is complete; `AUTO` and
    /// `unspecified` are nobody's.
    fn own_address(&self) -> Option<&'v str> {
        let index = self.get("wsrep_local_index").parse().ok()?;
        let own = self.get("wsrep_incoming_addresses").split(',').nth(index)?;
        (self.is_primary() && own.contains(':') && !own.starts_with("AUTO")).then_some(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(record: &mut Record, signal: Signal) {
        record.observe(&Observation { at: Moment(1), wall: Default::default(), node: "n1".into(), signal });
    }

    fn query(answer: Answer) -> Signal {
        Signal::Query { of: "sql:status".into(), answer }
    }

    fn port(port: u16, state: PortState) -> Signal {
        Signal::Port { port, state }
    }

    /// A record of a node that has answered.
    fn answered() -> Record {
        let mut record = Record::default();
        seen(&mut record, query(Answer::Error { code: "1047".into(), text: String::new() }));
        assert!(record.answered);
        record
    }

    #[test]
    fn each_sign_of_another_server_makes_it_one_that_has_not_answered() {
        let load = "0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'";
        for sign in [
            port(SQL, PortState::Closed),
            query(Answer::Refused),
            Signal::Log { line: load.into() },
            Signal::Processes { commands: vec!["/usr/sbin/mariadbd --wsrep-recover".into()] },
            Signal::Machine { running: false, paused: false, exit_code: Some(137), oom_killed: false, finished: None },
        ] {
            let mut record = answered();
            seen(&mut record, sign.clone());
            assert!(!record.answered, "{sign:?}");
        }
    }

    #[test]
    fn a_server_that_only_hangs_is_the_same_server() {
        let mut record = answered();
        for sign in [
            port(SQL, PortState::Silent),
            port(SQL, PortState::Open),
            port(GROUP, PortState::Closed),
            query(Answer::Hung { during: "connect".into() }),
            Signal::Processes { commands: vec!["/usr/sbin/mariadbd --wsrep_start_position=a:1".into()] },
            Signal::Machine { running: true, paused: true, exit_code: None, oom_killed: false, finished: None },
        ] {
            seen(&mut record, sign);
        }
        assert!(record.answered);
    }

    #[test]
    fn processes_are_told_apart() {
        assert!(is_server("/var/vcap/packages/mariadb/bin/mysqld --wsrep_on=ON"));
        assert!(!is_server("/bin/sh /usr/bin/mysqld_safe --wsrep-x"));
        assert!(!is_server("/usr/sbin/mariadbd --wsrep-recover --user=mysql"));
        assert!(is_transfer("/bin/bash -ue /usr/bin/wsrep_sst_rsync --role joiner"));
        assert!(is_transfer("rsync --daemon --no-detach --port 4444"));
        assert!(!is_transfer("rsync -a /backup /elsewhere"));
        assert!(!is_transfer("/usr/sbin/mariadbd --wsrep_sst_method=rsync --daemon"));
    }

    #[test]
    fn a_restored_view_is_read_and_half_of_one_is_not() {
        let file = "my_uuid: 1\n#vwbeg\nview_id: 3 11111111-1111-11e1-8002-111111111111 4\nbootstrap: 1\nmember: 1 0\nmember: 2 0\n#vwend\n";
        let view = RestoredView::parse(file).expect("a view");
        assert_eq!((view.id.as_str(), view.members), ("11111111-1111-11e1-8002-111111111111 4", 2));
        for half in ["", "my_uuid: 1\n#vwbeg\n", "view_id: "] {
            assert_eq!(RestoredView::parse(half), None);
        }
    }
}
