//! A web service that answers a request and does a part of its work afterwards, over a
//! real PostgreSQL: in Rust, and in the report's framework, Spring's `@Async`.
//!
//! Clients reach it as through Kubernetes: a router knows the endpoints that are ready,
//! and a replica that is deleted goes through endpoint removal, preStop, SIGTERM, grace
//! and SIGKILL.

mod advice;
mod client;
mod db;
pub mod detectors;
mod diagnose;
mod faults;
mod incidents {
    //! One file per incident or twin.
    automod::dir!("src/shutdown/incidents");
}
mod losses;
mod own_image;
mod probes;
mod report;
mod router;
mod runbooks;
mod setup;
mod stories;

use std::{
    collections::{BTreeSet, HashMap},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use reenact::{
    Result,
    campaign::{FaultSpace, FaultSpec, Menu, Playground, Remedy},
    fault::{OnTestbed, Signal},
    incident::{Deploy, Lab, System},
    judge::Contents,
    metrics::{Monitored, exporters},
    poll::Look,
    probe::{LogTail, Machine, Ports, Probe},
    runbook::Hands,
    testbed::{Node, NodeSpec, Session, Testbed},
    workload::{Traffic, Workload},
};

use crate::postgres;

use client::Requester;
use db::Database;
use detectors::{DOES_NOT_START, OUTBOX_STALLED, OVERDUE};
use faults::{Deleted, Ends, Replicated};
use probes::{Metrics, Reconciliation, SyntheticWrite};
use router::Router;
use runbooks::{EndDeadSessions, StartReplica};
use setup::{App, Setup};

/// The database's name.
const DB: &str = "db";
/// The replicas' names.
const APPS: [&str; 2] = ["app1", "app2"];
/// The port of the service.
const PORT: u16 = 8080;

/// Some 75 requests a second.
const TRAFFIC: Traffic = Traffic { clients: 6, think: (Duration::from_millis(60), Duration::from_millis(90)) };

/// The deployed service.
pub(crate) struct Service {
    bed: Testbed,
    router: Arc<Router>,
    ends: Ends,
    database: Database,
    setup: Setup,
}

impl Service {
    fn apps(&self) -> impl Iterator<Item = &Node> {
        self.bed.nodes().iter().filter(|node| node.name() != DB)
    }
}

#[async_trait]
impl Deploy for Service {
    fn images(setup: &Setup) -> Vec<&'static str> {
        vec!["postgres", setup.image()]
    }

    /// Starts the database and the replicas, and routes clients to those that are ready.
    async fn deploy(session: &Arc<Session>, lab: &Lab, setup: &Setup) -> Result<Self> {
        let (db, app) = tokio::try_join!(session.image("postgres"), session.image(setup.image()))?;
        let apps = &APPS[..setup.replicas];
        let names: Vec<_> = std::iter::once(DB).chain(apps.iter().copied()).collect();
        let specs = |ips: &HashMap<&'static str, Ipv4Addr>| {
            let replica = |&name: &&'static str| NodeSpec {
                name,
                image: app.clone(),
                env: setup.env(name, ips[DB]),
                command: setup.command.clone(),
                memory: setup.memory,
                ..NodeSpec::default()
            };
            let database = crate::postgres::machine(DB, db);
            std::iter::once(database).chain(apps.iter().map(replica)).collect()
        };
        let bed = Testbed::create(session, lab.id(), &names, specs).await?;
        lab.adopt(&bed);
        let router = Router::start(bed.nodes().iter().filter(|node| node.name() != DB));
        let database = Database::of(bed.node(DB)?);
        Ok(Self { bed, router, ends: Ends::new(lab.clock()), database, setup: setup.clone() })
    }
}

reenact::playable!(Service);

impl Playground for Service {
    const SYSTEM: &'static str = "shutdown";
    const NODES: &'static [&'static str] = &EVERYBODY;
    const MENU: Menu =
        Menu { peers: &EVERYBODY, machines: &APPS, processes: &FROZEN, others: deletions, ..Menu::NOTHING };
    const REMEDIES: &'static [Remedy] = &[
        Remedy { name: "start_replica", cures: &[OUTBOX_STALLED], make: || Box::new(StartReplica(APPS[0])) },
        Remedy::power_on(&[DOES_NOT_START]),
        Remedy { name: "end_dead_sessions", cures: &[OVERDUE], make: || Box::new(EndDeadSessions) },
    ];
    const PATIENCE: Duration = Duration::from_secs(60);

    /// With an outbox: a service that may lose work is no system to hold an invariant of.
    fn plain() -> Setup {
        Setup::of(App::Rust("outbox"))
    }

    fn faults() -> FaultSpace<Self> {
        FaultSpace::engine().with::<Deleted>("deleted")
    }
}

/// Each replica may be deleted, in order or with no warning.
fn deletions() -> Vec<FaultSpec> {
    let ends = ["killed".into(), toml::toml! { terminated = { pre_stop = "1s", grace = "30s" } }.into()];
    let deletions = APPS.into_iter().flat_map(|app: &str| {
        let of = move |end: &toml::Value| FaultSpec::new("deleted", [("node", app.into()), ("end", end.clone())]);
        ends.each_ref().map(of)
    });
    deletions.collect()
}

/// Replicas and database.
const EVERYBODY: [&str; 3] = [APPS[0], APPS[1], DB];

/// A replica that stands still. One that is killed is started by nobody.
const FROZEN: [(&str, &str, &[Signal]); 2] =
    [("app1", "shutdown-service", &[Signal::Stop]), ("app2", "shutdown-service", &[Signal::Stop])];

impl OnTestbed for Service {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

#[async_trait]
impl Replicated for Service {
    fn router(&self) -> &Router {
        &self.router
    }

    fn ends(&self) -> &Ends {
        &self.ends
    }

    async fn in_flight(&self, replica: &Node) -> Result<u64> {
        faults::in_flight(replica).await
    }
}

/// What everybody on call knows of it.
const LAYOUT: &str = "\
app1, app2: the web service, at 8080: /health, /metrics. A router sends requests to those that are ready.
db: PostgreSQL, `psql -U app app`. An order is acknowledged when it is in `requests`; its work is done when its flag is
set and a row of `effects` names it. Where there is an outbox it is the table `intents`.
What the service is started with beside its arguments is in /etc/service.env, if there is one.";

#[async_trait]
impl System for Service {
    type Setup = Setup;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn layout(&self) -> &'static str {
        LAYOUT
    }

    fn traffic(&self) -> Traffic {
        TRAFFIC
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let ms = Duration::from_millis;
        let mut probes: Vec<(Duration, Box<dyn Probe>)> = Vec::new();
        for node in self.bed.nodes() {
            probes.push((ms(250), Box::new(Machine::new(node))));
        }
        for node in self.apps() {
            probes.push((Duration::ZERO, Box::new(LogTail::new(node))));
            probes.push((ms(250), Box::new(Ports::new(node, &[PORT]))));
            probes.push((ms(250), Box::new(Metrics::new(node))));
        }
        probes.push((ms(250), Box::new(Reconciliation::new(DB, self.database.clone(), self.setup.age_limit()))));
        probes.push((ms(1000), Box::new(SyntheticWrite::new(Arc::clone(&self.router)))));
        probes
    }

    fn monitored(&self) -> Vec<Monitored> {
        let mut all: Vec<_> = self.bed.nodes().iter().map(exporters::node).collect();
        all.extend(self.bed.nodes().iter().filter(|node| node.name() == DB).flat_map(postgres::monitored));
        for node in self.apps() {
            all.extend([Monitored::page("service", node, PORT, "/metrics"), Monitored::http(node, PORT, "/health")]);
            all.push(Monitored::tcp(node, PORT));
        }
        all
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let router = Arc::clone(&self.router);
        Workload::start(lab.ledger(), lab.plan().seed, traffic, 1, move |_| Requester::new(Arc::clone(&router)))
    }

    /// The requests whose work is done, or that never had any.
    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        Ok(vec![(DB.into(), self.database.done().await?)])
    }

    /// A request that is written down may still be done once the service serves again.
    async fn served(&self) -> Vec<(String, Contents)> {
        self.database.written().await.map_or_else(|_| Vec::new(), |written| vec![(DB.into(), written)])
    }

    async fn repeated(&self) -> Result<BTreeSet<u64>> {
        self.database.repeated().await
    }

    /// A replica is ready, every one that is routed to is healthy, and no work is owed
    /// for longer than it may take.
    async fn healthy(&self) -> Look<()> {
        if let Some(why) = self.router.unready().await {
            return Look::NotYet(why);
        }
        match self.database.overdue(self.setup.age_limit()).await {
            Ok(overdue) if overdue.is_empty() => Look::Ready(()),
            Ok(overdue) => Look::NotYet(format!("{} requests still wait for their work", overdue.len())),
            Err(error) => Look::NotYet(error.to_string()),
        }
    }

    /// Whatever is in flight on the living comes to its end first.
    async fn settled(&self) -> Look<()> {
        match self.database.in_hand(self.apps_alive().await, self.setup.age_limit()).await {
            Ok(0) => Look::Ready(()),
            Ok(some) => Look::NotYet(format!("{some} works are in flight")),
            // After a cut the database may be back a moment later.
            Err(error) => Look::NotYet(error.to_string()),
        }
    }
}

impl Service {
    async fn apps_alive(&self) -> Vec<String> {
        let mut alive = Vec::new();
        for node in self.apps() {
            if node.state().await.is_ok_and(|state| state.running) {
                alive.push(node.name().to_owned());
            }
        }
        alive
    }
}
