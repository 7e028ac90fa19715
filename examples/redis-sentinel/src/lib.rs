//! Redis with Sentinel on three machines, each with a server and a Sentinel: one primary, two replicas.

mod client;
mod detectors;
mod failover;
mod incidents;
mod redis;

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    campaign::{FaultSpace, Menu, Playground, Remedy},
    fault::OnTestbed,
    incident::{Deploy, Lab, System},
    judge::Contents,
    probe::{LogTail, Machine, Probe},
    runbook::Hands,
    testbed::{NodeSpec, Session, Testbed},
    wait::Look,
    workload::{Traffic, Workload},
};

use redis::{REDIS, SENTINEL, Trouble};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// The deployed system.
struct Redis {
    bed: Testbed,
    replicas: u8,
}

#[async_trait]
impl Deploy for Redis {
    fn images(_: &u8) -> Vec<&'static str> {
        vec!["redis"]
    }

    async fn deploy(session: &Arc<Session>, lab: &Lab, replicas: &u8) -> Result<Self> {
        let image = session.image("redis").await?;
        let specs = |ips: &HashMap<&'static str, Ipv4Addr>| {
            let spec = |name| {
                let env = format!("NODE_IP={} PRIMARY={} REPLICAS={replicas}", ips[name], ips["n1"]);
                let env = env.split(' ').map(str::to_owned).collect();
                NodeSpec { name, image: image.clone(), env, ..NodeSpec::default() }
            };
            NODES.into_iter().map(spec).collect()
        };
        let bed = Testbed::create(session, lab.id(), &NODES, specs).await?;
        lab.adopt(&bed);
        Ok(Self { bed, replicas: *replicas })
    }
}

#[async_trait]
impl System for Redis {
    /// How many replicas must have a write: `min-replicas-to-write`, and clients `WAIT` for as many.
    type Setup = u8;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let of = |node| -> [(Duration, Box<dyn Probe>); 3] {
            let every = Duration::from_millis(250);
            [
                (Duration::ZERO, Box::new(LogTail::new(node))),
                (every, Box::new(Machine::new(node))),
                (every, Box::new(detectors::Replication::new(node))),
            ]
        };
        self.bed.nodes().iter().flat_map(of).collect()
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let (nodes, replicas) = (self.bed.nodes().to_vec(), self.replicas);
        let connect = move |home: usize| client::Writer::new(&nodes, home % NODES.len(), replicas);
        Workload::start(lab.ledger(), lab.plan().seed, traffic, NODES.len(), connect)
    }

    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let mut all = Vec::new();
        for node in self.bed.nodes() {
            let held = redis::ask(node.ip(), REDIS, &["HGETALL", "ops"]).await;
            let held = held.map_err(|why| Error::failed(format!("cannot read what {node:?} holds: {why}")))?;
            let number = |word: &String| word.parse().unwrap_or(u64::MAX);
            all.push((node.name().into(), held.chunks(2).map(|pair| (number(&pair[0]), number(&pair[1]))).collect()));
        }
        Ok(all)
    }

    async fn settled(&self) -> Look<()> {
        self.healthy().await
    }

    async fn healthy(&self) -> Look<()> {
        self.serves().await.map_or_else(|why| Look::NotYet(why.to_string()), Look::Ready)
    }
}

impl Redis {
    /// Whether all Sentinels know each other and the same primary, and a write reaches both replicas.
    async fn serves(&self) -> Result<(), Trouble> {
        let mut words = Vec::new();
        for node in self.bed.nodes() {
            let told = redis::ask(node.ip(), SENTINEL, &["INFO", "sentinel"]).await?.concat();
            words.push(told.lines().last().unwrap_or_default().to_owned());
        }
        let agreed = words.iter().all(|word| *word == words[0] && word.ends_with("slaves=2,sentinels=3"));
        let Some(primary) = self.bed.nodes().iter().find(|node| words[0].contains(&format!("status=ok,address={}:", node.ip())))
        else {
            return Err(Trouble::Refused(format!("Sentinel: {}", words[0])));
        };
        if !agreed {
            return Err(Trouble::Refused(format!("Sentinels: {}", words.join("; "))));
        }
        let mut server = redis::Connection::open(primary.ip(), REDIS).await?;
        server.ask(&["SET", "health", "1"]).await?;
        let have = server.ask(&["WAIT", "2", "500"]).await?.concat();
        if have == "2" { Ok(()) } else { Err(Trouble::Refused(format!("{have} of 2 replicas have a write"))) }
    }
}

impl OnTestbed for Redis {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

reenact::playable!(Redis);

impl Playground for Redis {
    const SYSTEM: &'static str = "redis";
    const MENU: Menu = Menu { peers: &NODES, machines: &NODES, ..Menu::NOTHING };
    const REMEDIES: &'static [Remedy] =
        &[Remedy { name: "planned_failover", cures: &[], make: || Box::new(failover::Planned { from: "n1" }) }];
    const PATIENCE: Duration = Duration::from_secs(60);

    fn plain() -> u8 {
        1
    }

    fn faults() -> FaultSpace<Self> {
        FaultSpace::engine().with::<failover::Unplanned>("unplanned_failover")
    }
}
