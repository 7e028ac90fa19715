//! A cluster of three on paper: what the probes would record of it, at their real
//! intervals, with jitter.

mod diagnoses;
mod down;
mod look_alikes;
mod margins;
mod properties;
mod reads;
mod recorded;
mod report;
mod writes;

use reenact::{
    detect::testing::{Tape, World, error, hung, machine, on_tape, query},
    probe::{Answer, Observation, PortState, Signal},
};

use PortState::{Closed, Open, Silent};

/// The number of nodes.
const NODES: usize = 3;
const ALL: [usize; NODES] = [0, 1, 2];
const STATE: &str = "5eed5eed-5eed-11e1-8000-5eed5eed5eed";
const INCONSISTENT: &str = "[ERROR] WSREP: Inconsistency detected: Inconsistent by consensus on 5eed5eed:14";

/// What a node saves of its state.
fn grastate(seqno: i64, safe: bool) -> String {
    format!("# GALERA saved state\nuuid:    {STATE}\nseqno:   {seqno}\nsafe_to_bootstrap: {}\n", u8::from(safe))
}

/// A node's name, as probes give it.
fn name(node: usize) -> String {
    format!("n{}", node + 1)
}

fn address(node: usize) -> String {
    format!("172.31.77.1{}:0", node + 1)
}

/// A node's short UUID in logs.
fn short(node: usize) -> String {
    format!("{}-8002", (node + 1).to_string().repeat(8))
}

fn long(node: usize) -> String {
    let digit = (node + 1).to_string();
    format!("{}-{}-11e{digit}-8002-{}", digit.repeat(8), digit.repeat(4), digit.repeat(12))
}

/// All nodes but one.
fn rest(node: usize) -> Vec<usize> {
    ALL.into_iter().filter(|&other| other != node).collect()
}

/// One node's outside.
#[derive(Debug, Clone)]
struct Paper {
    sql_port: PortState,
    group_port: PortState,
    sql: Answer,
    gvwstate: Option<String>,
    grastate: String,
    transfer_file: bool,
    commands: Vec<String>,
    /// Whether its machine runs, and whether it is paused.
    machine: (bool, bool),
    /// Since when a write hangs that is tried on it.
    stalled: Option<u64>,
    /// When its unanswered question will be given up.
    asked: Option<u64>,
    /// Seconds by which its clock is wrong.
    skew: i64,
}

struct Sim {
    tape: Tape,
    view: u64,
    nodes: Vec<Paper>,
}

on_tape!(Sim);

impl World for Sim {
    fn live(&mut self) {
        for node in ALL {
            self.look(node);
        }
    }
}

impl Sim {
    /// Three synced nodes that were watched for two seconds.
    fn healthy(seed: u64) -> Self {
        let mut sim = Self::off(seed);
        for node in ALL {
            sim.start(node);
        }
        sim.install(&ALL, 0);
        sim.run(2_000);
        sim
    }

    /// Three machines without power.
    fn off(seed: u64) -> Self {
        let paper = Paper {
            sql_port: Silent,
            group_port: Silent,
            sql: hung("connect"),
            gvwstate: None,
            grastate: grastate(-1, false),
            transfer_file: false,
            commands: Vec::new(),
            machine: (false, false),
            stalled: None,
            asked: None,
            skew: 0,
        };
        Self { tape: Tape::new("galera/", seed), view: 1, nodes: vec![paper; NODES] }
    }

    fn look(&mut self, node: usize) {
        let (name, paper) = (&*name(node), self.nodes[node].clone());
        if self.looks(name, "ports", 100) {
            for (port, state) in [(3306, paper.sql_port), (4567, paper.group_port), (4444, Closed)] {
                self.emit(name, Signal::Port { port, state });
            }
        }
        if paper.asked.is_none() && self.looks(name, "status", 200) {
            self.nodes[node].asked = Some(self.now + 1_000);
        }
        // A question that hangs is given up after a second, or answered as soon as the hang is over.
        let is_due = |limit: u64| limit <= self.now || !matches!(paper.sql, Answer::Hung { .. });
        if self.nodes[node].asked.is_some_and(is_due) {
            self.nodes[node].asked = None;
            self.emit(name, query("sql:status", paper.sql));
        }
        if self.looks(name, "write", 1_000) {
            let answer = self.tries(node);
            self.emit(name, query("sql:write", answer));
        }
        if self.looks(name, "files", 250) {
            let (transfer, saved) = (paper.transfer_file.then(String::new), Some(paper.grastate));
            let files = [("gvwstate.dat", paper.gvwstate), ("grastate.dat", saved), ("sst_in_progress", transfer)];
            for (file, content) in files {
                self.emit(name, Signal::File { path: format!("/var/lib/mysql/{file}"), content });
            }
        }
        if self.looks(name, "processes", 500) {
            self.emit(name, Signal::Processes { commands: paper.commands });
        }
        if self.looks(name, "machine", 250) {
            let (running, paused) = paper.machine;
            self.emit(name, machine(running, paused, (!running).then_some((137, false, 0))));
        }
    }

    /// What comes of a write that is tried on the node.
    fn tries(&self, node: usize) -> Answer {
        let Paper { sql, stalled, .. } = &self.nodes[node];
        if !matches!(sql, Answer::Values { .. }) {
            return sql.clone();
        }
        if sql.get("wsrep_ready") != Some("ON") {
            return error("1047", "WSREP has not yet prepared node for application use");
        }
        let ms = stalled.map_or(3, |since| self.now - since).to_string();
        let (done, waits_for) = if stalled.is_some() { ("false", "Waiting for certification") } else { ("true", "") };
        reenact::detect::testing::values([("done", done), ("ms", &ms), ("waits_for", waits_for)])
    }

    /// Lines of the node's log, stamped by its own clock.
    fn say(&mut self, node: usize, lines: &[String]) {
        let second = (self.now / 1_000) as i64 + 600 + self.nodes[node].skew;
        let stamp = format!("2026-11-20 10:{:02}:{:02} 0 ", second / 60, second % 60);
        for (line, stamp) in lines.iter().zip([&*stamp].into_iter().chain(std::iter::repeat(""))) {
            self.log(&name(node), &format!("{stamp}{line}"));
        }
    }

    /// gcomm's block of lines for a view, and the group layer's line after it.
    fn log_view(&mut self, node: usize, primary: bool, members: &[usize]) {
        let (kind, yes) = if primary { ("PRIM", "yes") } else { ("NON_PRIM", "no") };
        let mut block = vec![format!("[Note] WSREP: view(view_id({kind},{},{}) memb {{", short(members[0]), self.view)];
        block.extend(members.iter().map(|&member| format!("\t{},0", short(member))));
        block.extend(["} joined {", "} left {", "} partitioned {", "})"].map(String::from));
        self.say(node, &block);
        let count = members.len();
        let component = format!("New COMPONENT: primary = {yes}, bootstrap = no, my_idx = 0, memb_num = {count}");
        self.say(node, &[format!("[Note] WSREP: {component}")]);
    }

    /// The machine is off: its power failed.
    fn power_off(&mut self, node: usize) {
        let Paper { gvwstate, grastate, skew, .. } = self.nodes[node].clone();
        self.nodes[node] = Paper { gvwstate, grastate, skew, ..Self::off(1).nodes.remove(0) };
    }

    /// The server is gone, its machine is not: a stop if `clean`, or a SIGKILL.
    fn end(&mut self, node: usize, clean: bool) {
        let paper = &mut self.nodes[node];
        (paper.sql_port, paper.group_port, paper.sql) = (Closed, Closed, Answer::Refused);
        paper.commands = vec!["/bin/bash /usr/local/bin/node".into()];
        paper.machine = (true, false);
        paper.gvwstate = paper.gvwstate.take().filter(|_| !clean);
    }

    /// The server starts, joins its group's traffic and waits for a view.
    fn start(&mut self, node: usize) {
        self.end(node, false);
        self.nodes[node].commands.push("/usr/sbin/mariadbd --wsrep-recover --pid-file=/run/mysqld/recover.pid".into());
        self.run(300);
        let position = format!("/usr/sbin/mariadbd --wsrep_node_name={} --wsrep_start_position={STATE}:8", name(node));
        self.nodes[node].commands = vec![position];
        let load = "[Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'";
        self.say(node, &[load.into()]);
        self.nodes[node].group_port = Open;
    }

    /// It accepts clients and answers none.
    fn hang(&mut self, node: usize, during: &str) {
        (self.nodes[node].sql_port, self.nodes[node].sql) = (Open, hung(during));
    }

    /// What a member answers.
    fn serve(&mut self, node: usize, status: &str, comment: &str, members: &[usize]) {
        let addresses: Vec<_> = members.iter().map(|&member| address(member)).collect();
        let index = members.iter().position(|&member| member == node).unwrap_or(0);
        let values = [
            ("wsrep_cluster_status", status),
            ("wsrep_local_state_comment", comment),
            ("wsrep_ready", if status == "Primary" { "ON" } else { "OFF" }),
            ("wsrep_cluster_size", &members.len().to_string()),
            ("wsrep_cluster_conf_id", &self.view.to_string()),
            ("wsrep_cluster_state_uuid", STATE),
            ("wsrep_local_index", &index.to_string()),
            ("wsrep_incoming_addresses", &addresses.join(",")),
            ("wsrep_gcomm_uuid", &long(node)),
            ("wsrep_last_committed", "8"),
            ("wsrep_local_recv_queue", "0"),
            ("wsrep_flow_control_active", "false"),
            ("wsrep_flow_control_requested", "false"),
            ("wsrep_flow_control_paused", "0"),
        ];
        let answer = reenact::detect::testing::values(values);
        let paper = &mut self.nodes[node];
        (paper.sql_port, paper.group_port, paper.sql) = (Open, Open, answer);
    }

    /// Changes one value of what a node answers.
    fn set_status(&mut self, node: usize, key: &str, value: &str) {
        if let Answer::Values { values } = &mut self.nodes[node].sql {
            values.insert(key.to_owned(), value.to_owned());
        }
    }

    fn save_view(&mut self, node: usize, first: usize, view: u64, members: &[usize]) {
        let list: String = members.iter().map(|&member| format!("member: {} 0\n", long(member))).collect();
        let view = format!("#vwbeg\nview_id: 3 {} {view}\nbootstrap: 0\n{list}#vwend\n", long(first));
        self.nodes[node].gvwstate = Some(format!("my_uuid: {}\n{view}", long(node)));
    }

    /// A primary component of these nodes, which each of them learns of in turn,
    /// within `spread` milliseconds.
    fn install(&mut self, members: &[usize], spread: u64) {
        self.view += 1;
        let first = self.below(members.len() as u64) as usize;
        for turn in 0..members.len() {
            let node = members[(first + turn) % members.len()];
            self.log_view(node, true, members);
            self.save_view(node, members[0], self.view, members);
            self.serve(node, "Primary", "Synced", members);
            self.pause(spread / members.len() as u64);
        }
    }

    /// Lets less time than this pass.
    fn pause(&mut self, most: u64) {
        let pause = self.below(most);
        self.run(pause);
    }

    /// The node is cut off from the others: nothing for 5 s, then both sides learn
    /// of it within 1.6 s, in either order.
    fn cut_off(&mut self, node: usize) {
        self.run(5_000);
        let node_first = self.below(2) == 0;
        if !node_first {
            self.install(&rest(node), 800);
            self.run(800);
        }
        self.log_view(node, false, &[node]);
        self.serve(node, "non-Primary", "Initialized", &[node]);
        if node_first {
            self.run(800);
            self.install(&rest(node), 800);
        }
    }
}

/// A minority that was cut off, for the tests of all systems.
pub(crate) fn trouble() -> Vec<Observation> {
    let mut sim = Sim::healthy(1);
    sim.cut_off(0);
    sim.run(4_000);
    sim.stream()
}
