//! Redis with Sentinel on three machines, each with a server and a Sentinel: one primary, two replicas.

mod client;
mod detectors;
mod failover;
mod incidents;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use reenact::prelude::*;

use client::{REDIS, SENTINEL, ask};

reenact::images!("$CARGO_MANIFEST_DIR/docker");

const NODES: [&str; 3] = ["n1", "n2", "n3"];

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
        let (image, env) = (session.image("redis").await?, vec![format!("REPLICAS={replicas}")]);
        let spec = |name| NodeSpec { name, image: image.clone(), env: env.clone(), ..NodeSpec::default() };
        let bed = Testbed::create(session, lab.id(), &NODES, |_| NODES.map(spec).into()).await?;
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
        let of = |node| -> [(Duration, Box<dyn Probe>); 2] {
            let replication = Query::new(node, detectors::QUESTION, detectors::replication);
            [(Duration::ZERO, Box::new(LogTail::new(node))), (Duration::from_millis(250), Box::new(replication))]
        };
        self.bed.nodes().iter().flat_map(of).collect()
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let (nodes, replicas) = (self.bed.nodes().to_vec(), self.replicas);
        let connect = move |home| client::Writer { nodes: nodes.clone(), home, primary: home, replicas };
        Workload::start(lab.ledger(), lab.plan().seed, traffic, NODES.len(), connect)
    }

    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let mut all = Vec::new();
        for node in self.bed.nodes() {
            let held = ask(node.ip(), REDIS, &["HGETALL ops"]).await.map_err(|why| Error::failed(why.to_string()))?;
            all.push((node.name().into(), held));
        }
        Ok(all)
    }

    async fn settled(&self) -> Look<()> {
        self.healthy().await
    }

    /// Whether all Sentinels know each other and the same primary, and both replicas get its writes.
    async fn healthy(&self) -> Look<()> {
        let look = async {
            let mut told = BTreeSet::new();
            for node in self.bed.nodes() {
                let info: String = ask(node.ip(), SENTINEL, &["INFO sentinel"]).await?;
                told.insert(info.lines().last().unwrap_or_default().to_owned());
            }
            let words = |node: &Node| format!("status=ok,address={}:{REDIS},slaves=2,sentinels=3", node.ip());
            let named = |node: &&Node| told.iter().all(|line| line.ends_with(&words(node)));
            let Some(primary) = self.bed.nodes().iter().find(named) else {
                return Ok(Look::NotYet(format!("the Sentinels say {told:?}")));
            };
            let have: u8 = ask(primary.ip(), REDIS, &["SET health 1", "WAIT 2 500"]).await?;
            Ok(if have == 2 { Look::Ready(()) } else { Look::NotYet(format!("{have} replicas have a write")) })
        };
        look.await.unwrap_or_else(|error: redis::RedisError| Look::NotYet(error.to_string()))
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
    const NODES: &'static [&'static str] = &NODES;
    const MENU: Menu = Menu { peers: &NODES, machines: &NODES, ..Menu::NOTHING };
    const REMEDIES: &'static [Remedy] = &[Remedy { name: "planned", cures: &[], make: || Box::new(failover::Planned) }];
    const PATIENCE: Duration = secs(60);

    fn plain() -> u8 {
        1
    }
}
