//! A cluster of three on paper: what the probes would record of it, at their real
//! intervals, with jitter. No detector knows that it is not real.

mod diagnoses;
mod look_alikes;
mod margins;
mod properties;
mod recorded;
mod report;

use std::collections::BTreeMap;

use reenact::{
    detect::{Verdict, all},
    probe::{Answer, Moment, Observation, PortState, Signal},
};

/// The number of nodes.
const NODES: usize = 3;
const ALL: [usize; NODES] = [0, 1, 2];
const STATE: &str = "5eed5eed-5eed-11e1-8000-5eed5eed5eed";

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

/// One node's outside.
#[derive(Debug, Clone)]
struct Paper {
    sql_port: PortState,
    group_port: PortState,
    sql: Answer,
    gvwstate: Option<String>,
    transfer_file: bool,
    commands: Vec<String>,
    machine: (bool, bool),
}

/// The polled probes, by their place in [`PERIODS`].
const PORTS: usize = 0;
const STATUS: usize = 1;
const FILES: usize = 2;
const PROCESSES: usize = 3;
const MACHINE: usize = 4;
/// How often each looks, in milliseconds.
const PERIODS: [u64; 5] = [100, 200, 250, 500, 250];

struct Sim {
    now: u64,
    view: u64,
    random: u64,
    nodes: Vec<Paper>,
    due: [[u64; PERIODS.len()]; NODES],
    seen: [[u64; PERIODS.len()]; NODES],
    /// When each node's unanswered question will be given up.
    limit: [Option<u64>; NODES],
    /// How many of a hundred looks are lost; never more than 2.5 s in a row.
    loss: u64,
    /// Seconds by which each node's clock is wrong.
    skew: [i64; NODES],
    stream: Vec<Observation>,
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
            sql_port: PortState::Silent,
            group_port: PortState::Silent,
            sql: Answer::Hung { during: "connect".into() },
            gvwstate: None,
            transfer_file: false,
            commands: Vec::new(),
            machine: (false, false),
        };
        Self {
            now: 0,
            view: 1,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            nodes: vec![paper; NODES],
            due: [[0; PERIODS.len()]; NODES],
            seen: [[0; PERIODS.len()]; NODES],
            limit: [None; NODES],
            loss: 0,
            skew: [0; NODES],
            stream: Vec::new(),
        }
    }

    /// A number below `end`, or 0 if there is none.
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16).checked_rem(end).unwrap_or(0)
    }

    fn emit(&mut self, node: usize, signal: Signal) {
        let wall = Default::default();
        self.stream.push(Observation { at: Moment(self.now), wall, node: name(node), signal });
    }

    /// Lets time pass; every probe looks as often as it would.
    fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += 10;
            for node in ALL {
                for probe in PORTS..=MACHINE {
                    self.poll(node, probe);
                }
            }
        }
    }

    /// Looks if it is time to; a question that hangs is given up after a second,
    /// or answered as soon as the hang is over.
    fn poll(&mut self, node: usize, probe: usize) {
        if self.due[node][probe] > self.now {
            return;
        }
        if probe == STATUS && matches!(self.nodes[node].sql, Answer::Hung { .. }) {
            let limit = *self.limit[node].get_or_insert(self.now + 1_000);
            if self.now < limit {
                return;
            }
        }
        self.limit[node] = self.limit[node].filter(|_| probe != STATUS);
        self.due[node][probe] = self.now + PERIODS[probe] + self.below(PERIODS[probe] / 4);
        // Whatever is lost, what is looked at next will be within 2.5 s.
        let bearable = self.now + 1_000 + PERIODS[probe] * 2 < self.seen[node][probe] + 2_500;
        if self.below(100) >= self.loss || !bearable {
            self.seen[node][probe] = self.now;
            self.look(node, probe);
        }
    }

    fn look(&mut self, node: usize, probe: usize) {
        let paper = self.nodes[node].clone();
        match probe {
            PORTS => {
                for (port, state) in [(3306, paper.sql_port), (4567, paper.group_port), (4444, PortState::Closed)] {
                    self.emit(node, Signal::Port { port, state });
                }
            }
            STATUS => self.emit(node, Signal::Query { of: "sql:status".into(), answer: paper.sql }),
            FILES => {
                let transfer = paper.transfer_file.then(String::new);
                for (file, content) in [("gvwstate.dat", paper.gvwstate), ("sst_in_progress", transfer)] {
                    self.emit(node, Signal::File { path: format!("/var/lib/mysql/{file}"), content });
                }
            }
            PROCESSES => self.emit(node, Signal::Processes { commands: paper.commands }),
            MACHINE => {
                let (running, paused) = paper.machine;
                self.emit(
                    node,
                    Signal::Machine {
                        running,
                        paused,
                        exit_code: (!running).then_some(137),
                        oom_killed: false,
                        finished: None,
                    },
                );
            }
            _ => unreachable!("no such probe"),
        }
    }

    /// Lines of the node's log, stamped by its own clock.
    fn log(&mut self, node: usize, lines: &[String]) {
        for (index, line) in lines.iter().enumerate() {
            let second = (self.now / 1_000) as i64 + 600 + self.skew[node];
            let stamp = if index == 0 {
                format!("2026-11-20 10:{:02}:{:02} 0 ", second / 60, second % 60)
            } else {
                String::new()
            };
            self.emit(node, Signal::Log { line: format!("{stamp}{line}") });
        }
    }

    /// gcomm's block of lines for a view, and the group layer's line after it.
    fn log_view(&mut self, node: usize, primary: bool, members: &[usize]) {
        let (kind, yes) = if primary { ("PRIM", "yes") } else { ("NON_PRIM", "no") };
        let mut block = vec![format!("[Note] WSREP: view(view_id({kind},{},{}) memb {{", short(members[0]), self.view)];
        block.extend(members.iter().map(|&member| format!("\t{},0", short(member))));
        block.extend(["} joined {", "} left {", "} partitioned {", "})"].map(String::from));
        self.log(node, &block);
        let count = members.len();
        self.log(
            node,
            &[format!("[Note] WSREP: New COMPONENT: primary = {yes}, bootstrap = no, my_idx = 0, memb_num = {count}")],
        );
    }

    /// The machine is off: its power failed.
    fn power_off(&mut self, node: usize) {
        let gvwstate = self.nodes[node].gvwstate.take();
        self.nodes[node] = Paper { gvwstate, ..Self::off(1).nodes.remove(0) };
    }

    /// The server is gone, its machine is not: a stop if `clean`, or a SIGKILL.
    fn end(&mut self, node: usize, clean: bool) {
        let paper = &mut self.nodes[node];
        (paper.sql_port, paper.group_port, paper.sql) = (PortState::Closed, PortState::Closed, Answer::Refused);
        paper.commands = vec!["/bin/bash /usr/local/bin/node".into()];
        paper.machine = (true, false);
        if clean {
            paper.gvwstate = None;
        }
    }

    /// The server starts, joins its group's traffic and waits for a view.
    fn start(&mut self, node: usize) {
        self.end(node, false);
        self.nodes[node].commands.push("/usr/sbin/mariadbd --wsrep-recover --pid-file=/run/mysqld/recover.pid".into());
        self.run(300);
        let position = format!("/usr/sbin/mariadbd --wsrep_node_name={} --wsrep_start_position={STATE}:8", name(node));
        self.nodes[node].commands = vec![position];
        self.log(
            node,
            &["[Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'".into()],
        );
        self.nodes[node].group_port = PortState::Open;
    }

    /// What a member answers.
    fn status(&self, node: usize, status: &str, comment: &str, members: &[usize]) -> Answer {
        let addresses: Vec<_> = members.iter().map(|&member| address(member)).collect();
        let index = members.iter().position(|&member| member == node).unwrap_or(0);
        let ready = if status == "Primary" { "ON" } else { "OFF" };
        let values = [
            ("wsrep_cluster_status", status.to_owned()),
            ("wsrep_local_state_comment", comment.to_owned()),
            ("wsrep_ready", ready.to_owned()),
            ("wsrep_cluster_size", members.len().to_string()),
            ("wsrep_cluster_conf_id", self.view.to_string()),
            ("wsrep_cluster_state_uuid", STATE.to_owned()),
            ("wsrep_local_index", index.to_string()),
            ("wsrep_incoming_addresses", addresses.join(",")),
            ("wsrep_gcomm_uuid", long(node)),
        ];
        Answer::Values { values: values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
    }

    fn serve(&mut self, node: usize, status: &str, comment: &str, members: &[usize]) {
        let answer = self.status(node, status, comment, members);
        let paper = &mut self.nodes[node];
        (paper.sql_port, paper.group_port, paper.sql) = (PortState::Open, PortState::Open, answer);
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
            let pause = self.below(spread / members.len() as u64);
            self.run(pause);
        }
    }

    /// The node is cut off from the others: nothing for 5 s, then both sides learn
    /// of it within 1.6 s, in either order.
    fn cut_off(&mut self, node: usize) {
        let rest: Vec<_> = ALL.into_iter().filter(|&other| other != node).collect();
        self.run(5_000);
        let node_first = self.below(2) == 0;
        if !node_first {
            self.install(&rest, 800);
            self.run(800);
        }
        self.log_view(node, false, &[node]);
        self.serve(node, "non-Primary", "Initialized", &[node]);
        if node_first {
            self.run(800);
            self.install(&rest, 800);
        }
    }

    /// The first moment at which each detector fires, and its evidence.
    fn fired(&self) -> BTreeMap<&'static str, (Moment, Vec<String>)> {
        fired(&self.stream)
    }

    /// Which detectors ever fire.
    fn diagnoses(&self) -> Vec<&'static str> {
        self.fired().into_keys().collect()
    }
}

/// The registered detectors of this folder that ever fire over a stream.
fn fired(stream: &[Observation]) -> BTreeMap<&'static str, (Moment, Vec<String>)> {
    let mut fired = BTreeMap::new();
    for entry in all().into_iter().filter(|entry| entry.id.starts_with("galera/")) {
        let mut detector = (entry.new)();
        let first = stream.iter().find_map(|observation| match detector.observe(observation) {
            Verdict::Fired { evidence, at } => Some((at, evidence)),
            Verdict::Quiet | Verdict::Unknown { .. } => None,
        });
        if let Some(first) = first {
            fired.insert(entry.id, first);
        }
    }
    fired
}
