//! A MariaDB Galera cluster of three nodes.
//!
//! Every node boots from a seed data directory with the same position and a
//! `gvwstate.dat` that remembers the primary view of all three, as after a power
//! cut; so real recovery brings the cluster up with no bootstrap and no state
//! transfer.

mod canary;
mod client;
pub mod detectors;
mod diagnose;
mod faults;
mod implied;
mod incidents {
    //! One file per incident or twin.
    automod::dir!("src/galera/incidents");
}
mod node;
mod probes;
mod report;
mod runbooks;
mod stories;

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;
use reenact::{
    Error, Result,
    campaign::{FaultSpace, FaultSpec, Menu, Playground, Remedy},
    fault::{OnTestbed, Signal},
    history::Guarantee,
    incident::{Deploy, Lab, Promise, System},
    judge::Contents,
    metrics::{Monitored, exporters},
    poll::Look,
    probe::{Files, LogTail, Machine, Ports, Probe, Processes},
    runbook::Hands,
    testbed::{Disk, Node, NodeSpec, Session, Testbed},
    workload::{Traffic, Workload},
};
use tokio::sync::Mutex;

use canary::Canary;
use client::Writer;
use detectors::{
    INCONSISTENT_NODE, MINORITY_PARTITION, NO_PRIMARY, NON_PRIMARY_WEDGE, SERVER_DOWN, TWO_PRIMARIES, WRITES_STALLED,
    ZOMBIE_NODE,
};
use faults::ReadLockHeld;
use probes::{SqlStatus, SyntheticWrite};
use runbooks::{BootstrapMostAdvanced, EndReadLock, PcBootstrapSurvivors};

/// The nodes' names.
pub(crate) const NODES: [&str; 3] = ["n1", "n2", "n3"];
/// Where a node keeps its data.
const DATA: &str = "/var/lib/mysql";
/// Room for the seed (41 MiB once up) and for every write of a run; a donor's and a
/// joiner's caches included.
const DISK: Disk = Disk::volume(DATA, 256);

/// SQL's port, and that of the group.
const PORTS: [u16; 2] = [3306, 4567];

/// What a node writes of itself: the view and the position that it would return to,
/// whether it is being sent a copy of the data, and its process.
const STATE_FILES: [&str; 4] = [
    "/var/lib/mysql/gvwstate.dat",
    "/var/lib/mysql/grastate.dat",
    "/var/lib/mysql/sst_in_progress",
    "/var/lib/mysql/mysqld.pid",
];

/// What the nodes run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machines {
    /// All of the host's CPUs.
    Ordinary,
    /// One CPU each, as small virtual machines have, on which a thread that is woken
    /// does not push the running one aside.
    SingleCpu,
}

/// The deployed cluster.
pub(crate) struct Galera {
    bed: Testbed,
    /// Those who try, at each look whether it is healthy, whether a node takes a write.
    canaries: Mutex<Vec<Canary>>,
}

impl Galera {
    /// Whether each of these nodes answers SQL as a member of a primary component of
    /// as many nodes as are named.
    pub(crate) async fn are_primary(&self, names: &[&str]) -> Look<()> {
        for name in names {
            let node = match self.bed.node(name) {
                Ok(node) => node,
                Err(error) => return Look::Never(error),
            };
            let status = node::status(node.ip()).await;
            if !node::serves(&status, names.len()) {
                return Look::NotYet(format!("{name} is {}", node::describe(&status)));
            }
        }
        Look::Ready(())
    }

    /// Whether each node takes a write.
    async fn takes_writes(&self) -> Look<()> {
        let mut canaries = self.canaries.lock().await;
        let tried = join_all(canaries.iter_mut().map(Canary::look)).await;
        match tried.iter().zip(NODES).find(|(answer, _)| !canary::is_done(answer)) {
            Some((answer, name)) => Look::NotYet(format!("{name}: {}", canary::describe(answer))),
            None => Look::Ready(()),
        }
    }
}

reenact::playable!(Galera);

impl Playground for Galera {
    const SYSTEM: &'static str = "galera";
    const NODES: &'static [&'static str] = &NODES;
    const MENU: Menu = Menu { peers: &NODES, machines: &NODES, processes: &SERVERS, others, ..Menu::NOTHING };
    const REMEDIES: &'static [Remedy] = &[
        Remedy {
            name: "bootstrap_most_advanced",
            cures: &[NON_PRIMARY_WEDGE, MINORITY_PARTITION, INCONSISTENT_NODE, ZOMBIE_NODE, NO_PRIMARY, SERVER_DOWN],
            make: || Box::new(BootstrapMostAdvanced),
        },
        Remedy { name: "end_read_lock", cures: &[WRITES_STALLED], make: || Box::new(EndReadLock) },
        // What is off may come back; only if it never does, the others are all there are.
        Remedy::power_on(&[NO_PRIMARY, SERVER_DOWN]),
        Remedy { name: "pc_bootstrap_survivors", cures: &[NO_PRIMARY], make: || Box::new(PcBootstrapSurvivors) },
    ];
    const PATIENCE: Duration = Duration::from_secs(45);

    fn plain() -> Machines {
        Machines::Ordinary
    }

    fn faults() -> FaultSpace<Self> {
        FaultSpace::engine().with::<ReadLockHeld>("read_lock_held")
    }
}

/// On each node, a backup that keeps its lock, and what a crash leaves: a state file that the
/// crash tore, and the marker of a state transfer that never ended.
fn others() -> Vec<FaultSpec> {
    let of_node = |node: &'static str| {
        let lock = FaultSpec::new("read_lock_held", [("node", node.into())]);
        let files = ["grastate.dat", "gvwstate.dat", "sst_in_progress"];
        let left = files.map(|file| FaultSpec::file_left(node, &format!("/var/lib/mysql/{file}"), ""));
        std::iter::once(lock).chain(left)
    };
    NODES.into_iter().flat_map(of_node).collect()
}

/// A server's command line begins with it.
const MARIADBD: &str = "/usr/sbin/mariadbd";

/// The servers. One that is killed is started by nobody but a runbook.
const SERVERS: [(&str, &str, &[Signal]); 3] = [
    ("n1", MARIADBD, &[Signal::Kill, Signal::Stop]),
    ("n2", MARIADBD, &[Signal::Kill, Signal::Stop]),
    ("n3", MARIADBD, &[Signal::Kill, Signal::Stop]),
];

impl OnTestbed for Galera {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

#[async_trait]
impl Deploy for Galera {
    fn images(_: &Machines) -> Vec<&'static str> {
        vec!["galera"]
    }

    async fn deploy(session: &Arc<Session>, lab: &Lab, machines: &Machines) -> Result<Self> {
        let image = session.image("galera").await?;
        let specs = |ips: &HashMap<&'static str, Ipv4Addr>| {
            let peers = NODES.map(|name| ips[name].to_string()).join(",");
            let spec = |(index, name): (usize, &'static str)| NodeSpec {
                name,
                image: image.clone(),
                env: vec![
                    format!("NODE_INDEX={}", index + 1),
                    format!("NODE_IP={}", ips[name]),
                    format!("PEERS={peers}"),
                    format!("SCHEDULE={}", if *machines == Machines::SingleCpu { "batch" } else { "" }),
                ],
                disks: vec![DISK],
                single_cpu: *machines == Machines::SingleCpu,
                ..NodeSpec::default()
            };
            NODES.into_iter().enumerate().map(spec).collect()
        };
        let bed = Testbed::create(session, lab.id(), &NODES, specs).await?;
        lab.adopt(&bed);
        let canary = |node: &Node| Canary::new(node.ip(), format!("health of {}", node.name()));
        let canaries = Mutex::new(bed.nodes().iter().map(canary).collect());
        Ok(Self { bed, canaries })
    }
}

/// What everybody on call knows of it.
const LAYOUT: &str = "\
MariaDB with Galera on each node: 3306 for clients, 4567 among the nodes.
On a node `mariadb` needs no password; data in /var/lib/mysql, settings in /etc/mysql, unit mariadb.
`galera_recovery` and `galera_new_cluster` are there; `journalctl` shows the log.";

/// Of clients that wait for what the group has ordered (`wsrep_sync_wait`). The other half of two primaries knows
/// nothing of it, and an inconsistent node answers from its own rows until it is expelled.
pub(crate) const PROMISE: Promise =
    Promise { reads: Guarantee::Linearizable, unless: &[TWO_PRIMARIES, INCONSISTENT_NODE] };

#[async_trait]
impl System for Galera {
    type Setup = Machines;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn layout(&self) -> &'static str {
        LAYOUT
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let ms = Duration::from_millis;
        let mut probes: Vec<(Duration, Box<dyn Probe>)> = Vec::new();
        for node in self.bed.nodes() {
            probes.push((Duration::ZERO, Box::new(LogTail::new(node))));
            probes.push((ms(100), Box::new(Ports::new(node, &PORTS))));
            probes.push((ms(200), Box::new(SqlStatus::new(node))));
            probes.push((ms(1000), Box::new(SyntheticWrite::new(node))));
            probes.push((ms(250), Box::new(Machine::new(node))));
            probes.push((ms(250), Box::new(Files::new(node, self.bed.probe_shell(), &STATE_FILES))));
            probes.push((ms(1000), Box::new(Processes::new(node, self.bed.probe_shell()))));
        }
        probes
    }

    fn monitored(&self) -> Vec<Monitored> {
        let of = |node| {
            let mut all = vec![exporters::node(node), exporters::mysqld(node, "reenact:reenact")];
            all.extend(PORTS.map(|port| Monitored::tcp(node, port)));
            all
        };
        self.bed.nodes().iter().flat_map(of).collect()
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let nodes: Vec<Node> = self.bed.nodes().to_vec();
        Workload::start(lab.ledger(), lab.plan().seed, traffic, nodes.len(), move |endpoint| {
            Writer::new(&nodes[endpoint % nodes.len()])
        })
    }

    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let mut all = Vec::new();
        for node in self.bed.nodes() {
            let rows = node::rows(node.ip()).await;
            let rows = rows.map_err(|error| Error::failed(format!("cannot read the rows of {node:?}: {error}")))?;
            all.push((node.name().to_owned(), rows));
        }
        Ok(all)
    }

    async fn served(&self) -> Vec<(String, Contents)> {
        let asked = self.bed.nodes().iter().map(async |node| {
            let rows = tokio::time::timeout(node::LIMIT * 5, node::rows(node.ip())).await;
            Some((node.name().to_owned(), rows.ok()?.ok()?))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    fn promise(&self) -> Option<Promise> {
        Some(PROMISE)
    }

    fn voters(&self) -> Vec<&str> {
        self.bed.nodes().iter().map(Node::name).collect()
    }

    async fn healthy(&self) -> Look<()> {
        match self.are_primary(&NODES).await {
            Look::Ready(()) => self.takes_writes().await,
            not => not,
        }
    }
}
