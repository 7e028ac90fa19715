//! A BOSH director of which a stuck task keeps a deployment's lock (report 000).
//!
//! Task 100, a deploy, hangs in the CPI in a subnet that cannot be reached and is
//! cancelled in vain; it loses its lock, and task 163 takes the deployment over and hangs
//! alike, its debug log only renewing the lock and writing checkpoints.
//!
//! The director is the mock of `docker/services`, over a real PostgreSQL, with monit and
//! all its processes on one machine, and every interval a fiftieth of production's.

mod advice;
mod api;
mod client;
mod db;
pub mod detectors;
mod diagnose;
mod faults;
mod iaas;
mod implied;
mod incidents {
    //! One file per incident or twin.
    automod::dir!("src/bosh/incidents");
}
mod manifest;
mod metrics;
mod probes;
mod report;
mod runbooks;
mod setup;
mod signals;
mod state;
mod stories;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use reenact::{
    Result,
    campaign::{FaultSpace, FaultSpec, Menu, Playground, Remedy},
    fault::{OnTestbed, Signal},
    incident::{Deploy, Lab, System},
    judge::Contents,
    metrics::Monitored,
    poll::{self, Look},
    probe::{LogTail, Machine, Probe},
    runbook::Hands,
    testbed::{Node, NodeSpec, Session, Testbed},
    workload::{Traffic, Workload},
};

use api::Api;
use client::Platform;
use db::Database;
use detectors::{
    ABANDONED_CANCEL, AGENT_TASK_ENDLESS, CANCEL_OVERDUE, DIRECTOR_DOWN, ENDED_TASK_LIVES, LEAKED_VMS, STALE_LOCK,
    STARVATION, STUCK_TASK, TASK_RUNS_TWICE, ZOMBIE_HOLDER,
};
use faults::{
    CallsBehave, ClockSkewed, DatabaseAway, LockStolen, PidfileLost, RowHeld, SubnetUnreachable, WorkerAndJobKilled,
    WrongSubnet,
};
use iaas::Iaas;
use probes::{OnMachine, SyntheticWrite, Tables};
use runbooks::{EndDrain, EndEndedTask, EndStuckTask, EndZombie, FreeWorkers};
use state::Exporter;

pub(crate) use setup::{Pace, Setup};

use crate::start_missing::StartMissing;

/// The node of the API, the workers, the tasks' processes and the CPI's.
const DIRECTOR: &str = "director";
/// Its database's node.
const DB: &str = "db";
/// The certificate authority that clients are given.
const AUTHORITY: &str = "/var/vcap/store/director/tls/ca.pem";
/// How long the director may take to serve at first, on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Some ten writes a second, of which one is a deploy: see `client`.
const TRAFFIC: Traffic = Traffic { clients: 3, think: (Duration::from_millis(150), Duration::from_millis(300)) };

/// The deployed director.
pub(crate) struct Director {
    bed: Testbed,
    setup: Setup,
    api: Api,
    database: Database,
    exporter: Exporter,
    iaas: Iaas,
    /// The doubled `create_vm` that belong to the story itself.
    told: Mutex<BTreeSet<u64>>,
    /// The processes that [`WorkerAndJobKilled`] has killed, by their task: the worker comes
    /// back under its name, and only its pid tells it from the one before.
    killed: Mutex<BTreeMap<u64, Vec<u32>>>,
}

impl Director {
    /// The doubled `create_vm` so far belong to the story: what is counted as harm is what
    /// comes after.
    ///
    /// # Errors
    /// If the IaaS's record cannot be read.
    async fn story_ends(&self) -> Result<usize> {
        let doubles = self.iaas.doubles().await?;
        let count = doubles.len();
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = doubles;
        Ok(count)
    }

    /// What does not run, or is not as both the director and the IaaS have it.
    async fn trouble(&self) -> Result<Option<String>> {
        let state = match self.exporter.state().await {
            Ok(state) => state,
            Err(answer) => return Ok(Some(format!("the director's machine: {answer:?}"))),
        };
        let wanted = self.setup.workers().into_iter().map(|name| format!("director worker --name {name}"));
        let away = std::iter::once("director serve".to_owned()).chain(wanted).find(|process| !state.runs(process));
        if let Some(process) = away {
            return Ok(Some(format!("{process} does not run")));
        }
        let names = self.setup.workers().into_iter().map(|name| format!("director worker --name {name}"));
        if let Some(process) = names.into_iter().find(|process| state.count(process) > 1) {
            return Ok(Some(format!("{process} runs twice")));
        }
        if let Some(trouble) = self.database.trouble().await? {
            return Ok(Some(trouble));
        }
        let known = self.database.known_vms().await?;
        let paastas = |vm: &str| vm.starts_with(&format!("{}|", manifest::PAASTA));
        let leaked = state.vms.iter().find(|(cid, vm)| paastas(vm) && !known.contains(cid));
        if let Some((cid, vm)) = leaked {
            return Ok(Some(format!("{cid} ({vm}) is a VM that the director does not know")));
        }
        faults::skewed(&self.bed).await
    }
}

/// The API, once it answers.
async fn answering(bed: &Testbed, node: &Node) -> Look<Api> {
    // The machine may not have started yet.
    let Ok(Some(authority)) = node.read(bed.probe_shell(), AUTHORITY).await else {
        return Look::NotYet("it has no certificate yet".into());
    };
    let Ok(api) = Api::new(node.ip(), &authority) else {
        return Look::NotYet("its certificate is half written".into());
    };
    match api.ask("GET", "/info", None).await {
        Ok(_) => Look::Ready(api),
        Err(trouble) => Look::NotYet(trouble.why()),
    }
}

reenact::playable!(Director);

impl Playground for Director {
    const SYSTEM: &'static str = "bosh";
    const NODES: &'static [&'static str] = &[DB, DIRECTOR];
    const MENU: Menu =
        Menu { peers: &[DIRECTOR, DB], machines: &[DIRECTOR], processes: &KILLED, others: pid_files, ..Menu::NOTHING };
    const REMEDIES: &'static [Remedy] = &[
        Remedy {
            name: "end_stuck_task",
            cures: &[STUCK_TASK, CANCEL_OVERDUE, STALE_LOCK, LEAKED_VMS, ABANDONED_CANCEL],
            make: || Box::new(EndStuckTask { pace: Pace::PLAIN }),
        },
        Remedy { name: "free_workers", cures: &[STARVATION], make: || Box::new(FreeWorkers { pace: Pace::PLAIN }) },
        Remedy {
            name: "end_ended_task",
            cures: &[ENDED_TASK_LIVES, TASK_RUNS_TWICE],
            make: || Box::new(EndEndedTask { pace: Pace::PLAIN }),
        },
        Remedy { name: "end_drain", cures: &[AGENT_TASK_ENDLESS], make: || Box::new(EndDrain { pace: Pace::PLAIN }) },
        Remedy { name: "end_zombie", cures: &[ZOMBIE_HOLDER], make: || Box::new(EndZombie { pace: Pace::PLAIN }) },
        Remedy::power_on(&[DIRECTOR_DOWN]),
        Remedy { name: "start_missing", cures: &[DIRECTOR_DOWN], make: || Box::new(StartMissing(&JOBS)) },
    ];
    const PATIENCE: Duration = Duration::from_secs(45);

    fn plain() -> Setup {
        Setup::at(Pace::PLAIN)
    }

    fn faults() -> FaultSpace<Self> {
        FaultSpace::engine()
            .with::<WrongSubnet>("wrong_subnet")
            .with::<SubnetUnreachable>("subnet_unreachable")
            .with::<CallsBehave>("cpi_calls")
            .with::<LockStolen>("lock_stolen")
            .with::<ClockSkewed>("clock_skewed")
            .with::<DatabaseAway>("database_away")
            .with::<WorkerAndJobKilled>("worker_and_job_killed")
            .with::<PidfileLost>("pidfile_lost")
            .with::<RowHeld>("row_held")
    }
}

/// What monit starts on the director's machine, as the default setup has it.
const JOBS: [&str; 4] = [
    "director=[d]irector serve",
    "worker_1=[d]irector worker --name worker_1( |$)",
    "worker_2=[d]irector worker --name worker_2( |$)",
    "worker_3=[d]irector worker --name worker_3( |$)",
];

/// What monit starts again.
const KILLED: [(&str, &str, &[Signal]); 3] = [
    (DIRECTOR, "director worker --name worker_1", &[Signal::Kill, Signal::Term, Signal::Stop]),
    (DIRECTOR, "director worker --name worker_2", &[Signal::Kill, Signal::Term, Signal::Stop]),
    (DIRECTOR, "director serve", &[Signal::Kill, Signal::Term, Signal::Stop]),
];

/// The pid file of each process names another one, as after a crash.
fn pid_files() -> Vec<FaultSpec> {
    let path = |name| format!("/var/vcap/sys/run/director/{name}.pid");
    ["worker_1", "worker_2", "director"].map(|name| FaultSpec::file_left(DIRECTOR, &path(name), "1")).into()
}

impl OnTestbed for Director {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

#[async_trait]
impl Deploy for Director {
    fn images(_: &Setup) -> Vec<&'static str> {
        vec!["postgres", "services"]
    }

    /// Starts the database and the director's machine, and uploads the cloud-config.
    async fn deploy(session: &Arc<Session>, lab: &Lab, setup: &Setup) -> Result<Self> {
        let (db, services) = tokio::try_join!(session.image("postgres"), session.image("services"))?;
        let specs = |ips: &HashMap<&'static str, Ipv4Addr>| {
            let (env, command) = (setup.env(ips[DB]), vec!["director-vm"]);
            vec![
                crate::postgres::machine(DB, db),
                NodeSpec { name: DIRECTOR, image: services, env, command, ..NodeSpec::default() },
            ]
        };
        let bed = Testbed::create(session, lab.id(), &[DB, DIRECTOR], specs).await?;
        lab.adopt(&bed);
        let node = bed.node(DIRECTOR)?;
        let api = poll::until("the director's API to answer", START_LIMIT, || answering(&bed, node)).await?;
        api.update_cloud_config(&manifest::right_cloud_config()).await?;
        let (database, exporter) = (Database::of(bed.node(DB)?), Exporter::of(node));
        let iaas = Iaas::of(node, bed.probe_shell());
        let (setup, told, killed) = (*setup, Mutex::default(), Mutex::default());
        Ok(Self { bed, setup, api, database, exporter, iaas, told, killed })
    }
}

/// What everybody on call knows of it.
const LAYOUT: &str = "\
director: API at https 25555 (admin:admin, CA in /var/vcap/store/director/tls/ca.pem) and its workers, by monit.
`curl` takes the place of the bosh CLI: /tasks, /task/ID, /locks, /deployments. Logs in /var/vcap/sys/log/director,
a task's own in /var/vcap/store/director/tasks/ID; VMs in /var/vcap/store/iaas/vms, `director cpi` speaks to the IaaS.
A worker's clock is ahead by the seconds in /var/vcap/jobs/director/skew.WORKER. db: PostgreSQL, `psql -U bosh bosh`.
Every interval of the director is a fiftieth of production's.";

#[async_trait]
impl System for Director {
    type Setup = Setup;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn layout(&self) -> &'static str {
        LAYOUT
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let ms = Duration::from_millis;
        let mut probes: Vec<(Duration, Box<dyn Probe>)> = vec![
            (ms(250), Box::new(Tables::new(self.database.clone(), self.setup.pace, &self.setup.workers()))),
            (ms(250), Box::new(OnMachine::new(self.exporter.clone()))),
            (ms(1000), Box::new(SyntheticWrite::new(self.api.clone()))),
        ];
        for node in self.bed.nodes() {
            probes.push((ms(250), Box::new(Machine::new(node))));
            probes.push((Duration::ZERO, Box::new(LogTail::new(node))));
        }
        probes
    }

    fn monitored(&self) -> Vec<Monitored> {
        metrics::monitored(self)
    }

    fn pace(&self) -> f64 {
        self.setup.pace.factor()
    }

    fn traffic(&self) -> Traffic {
        TRAFFIC
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let api = self.api.clone();
        Workload::start(lab.ledger(), lab.plan().seed, traffic, 1, move |_| Platform::new(api.clone()))
    }

    /// Configs that are there, and deployments whose VM the IaaS has.
    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let mut contents = self.database.written_configs().await?;
        let vms = self.iaas.vms().await?;
        let deployed = self.database.written_deployments().await?;
        contents.extend(deployed.into_iter().filter(|(.., vm)| vms.contains_key(vm)).map(|(id, value, _)| (id, value)));
        Ok(vec![(DIRECTOR.into(), contents)])
    }

    /// Never two `create_vm` in flight for one instance and address, but for those of the
    /// story: their requests' numbers.
    async fn repeated(&self) -> Result<BTreeSet<u64>> {
        let doubles = self.iaas.doubles().await?;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(doubles.difference(&told).copied().collect())
    }

    /// No deploy of the workload's is under way.
    async fn settled(&self) -> Look<()> {
        match self.database.unsettled().await {
            Ok(none) if none == "0" => Look::Ready(()),
            Ok(some) => Look::NotYet(format!("{some} deploys are under way")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    }

    /// Every process runs, the report's deployment is deployed if it ever was to be, no
    /// lock is left of an ended task, no VM is unknown to the director, every worker's clock
    /// is right, and the API answers.
    async fn healthy(&self) -> Look<()> {
        match self.trouble().await {
            Ok(None) => {}
            Ok(Some(trouble)) => return Look::NotYet(trouble),
            Err(error) => return Look::NotYet(error.to_string()),
        }
        match self.api.ask("GET", "/info", None).await {
            Ok(_) => Look::Ready(()),
            Err(trouble) => Look::NotYet(format!("the API: {}", trouble.why())),
        }
    }
}
