//! The testbed of a user's service: the database and the other containers first, then the
//! replicas.

use std::{
    collections::{BTreeSet, HashMap},
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use reenact::{
    Error, Result, campaign,
    fault::OnTestbed,
    incident::{Lab, System},
    judge::Contents,
    poll::{self, Look},
    probe::{LogTail, Machine, Ports, Probe},
    runbook::Hands,
    testbed::{Node, NodeSpec, Session, Testbed},
    workload::{Ledger, Traffic, Workload},
};
use tokio::{net::TcpStream, time::timeout};

use super::{
    super::{
        DB,
        faults::{Ends, Replicated},
        router::{Readiness, Router},
        stories::LEAVER,
    },
    caller::Caller,
    effects::{self, Counted},
    file::{Env, File},
    place,
};

/// How long the database and the other containers may take to be there.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How many updates are looked at one by one just before a deletion, the newest first: a
/// look at all of them would take longer than their work.
const LOOKED_AT: usize = 200;

/// The deployed service.
pub(super) struct Own {
    file: &'static File,
    bed: Testbed,
    router: Arc<Router>,
    ends: Ends,
    ledger: Arc<Ledger>,
    /// What took effect, as it was counted for the judge.
    counted: Mutex<Counted>,
}

impl Own {
    /// Starts everything in order, and waits until every replica is ready.
    pub(super) async fn deploy(session: &Arc<Session>, lab: &Lab, file: &'static File) -> Result<Self> {
        lab.phase("deploy");
        let images = images(session, file).await?;
        let names = file.names();
        let specs = |ips: &HashMap<&'static str, Ipv4Addr>| specs(file, &images, ips);
        let bed = Testbed::create(session, lab.id(), &names, specs).await?;
        lab.adopt(&bed);
        prepare(lab, file, &bed).await?;
        let replicas: Vec<_> = file.replicas().iter().map(|name| bed.node(name)).collect::<Result<_>>()?;
        for replica in &replicas {
            replica.start().await?;
        }
        let readiness = Readiness { port: file.service.port, path: file.service.ready.0.clone() };
        let router = Router::asking(replicas.iter().copied(), readiness);
        let (ends, ledger) = (Ends::new(lab.clock()), Arc::clone(lab.ledger()));
        let own = Self { file, bed: bed.clone(), router, ends, ledger, counted: Mutex::default() };
        lab.phase("wait: every replica to be ready");
        let limit = file.service.ready_within.0;
        poll::until("every replica to be ready", limit, || own.comes_up(&replicas)).await?;
        Ok(own)
    }

    /// Whether all replicas are ready; never, if one has ended.
    async fn comes_up(&self, replicas: &[&Node]) -> Look<()> {
        let Some(why) = self.unready().await else { return Look::Ready(()) };
        for replica in replicas {
            match replica.state().await {
                Ok(state) if !state.running => {
                    let (name, code) = (replica.name(), state.exit_code);
                    let told = format!("{name} ended with exit code {code} before it was ready: see {name}.log");
                    return Look::Never(Error::inconclusive(told));
                }
                Ok(_) => {}
                Err(error) => return Look::NotYet(error.to_string()),
            }
        }
        Look::NotYet(why)
    }

    /// Why not every replica is ready.
    pub(super) async fn unready(&self) -> Option<String> {
        let (all, routed) = (self.file.replicas().len(), self.router.routed());
        if routed < all {
            let path = &self.file.service.ready.0;
            return Some(format!("{routed} of {all} replicas answer 2xx at {path} on port {}", self.file.service.port));
        }
        self.router.unready().await
    }

    /// The replica that ends.
    pub(super) fn leaver(&self) -> Result<&Node> {
        self.bed.node(LEAVER)
    }

    /// How many of these updates have no effect yet; the newest, where one must be asked
    /// for each.
    pub(super) async fn without_effect(&self, ids: &[u64]) -> Result<usize> {
        let one_by_one = self.file.effects.get_ref().http.is_some();
        let skipped = if one_by_one { ids.len().saturating_sub(LOOKED_AT) } else { 0 };
        let counted = self.count(&ids[skipped..]).await?;
        Ok(ids[skipped..].iter().filter(|id| !counted.contains_key(id)).count())
    }

    /// Counts what took effect; where one must be asked for each, of these.
    async fn count(&self, ids: &[u64]) -> Result<Counted> {
        let effects = self.file.effects.get_ref();
        if let Some(query) = &effects.sql {
            return effects::by_sql(self.bed.node(DB)?.ip(), query).await;
        }
        if let Some(command) = &effects.command {
            return effects::by_command(&self.bed, command).await;
        }
        let http = effects.http.as_ref().ok_or_else(|| Error::Bug("a file without effects was read".into()))?;
        effects::by_http(&self.router, self.file.service.port, http, ids).await
    }
}

/// The reference of each image.
async fn images(session: &Session, file: &File) -> Result<HashMap<String, String>> {
    let mut images = HashMap::new();
    for name in file.images() {
        images.insert(name.to_owned(), campaign::image(session, name).await?);
    }
    Ok(images)
}

fn specs(
    file: &'static File,
    images: &HashMap<String, String>,
    ips: &HashMap<&'static str, Ipv4Addr>,
) -> Vec<NodeSpec> {
    let spec = |name: &'static str, image: &str, env: &Env, command: &'static [String], off: bool| NodeSpec {
        name,
        image: images[image].clone(),
        env: filled(env, name, ips),
        command: command.iter().map(String::as_str).collect(),
        off,
        ..NodeSpec::default()
    };
    let database = file.database.iter().map(|database| spec(DB, &database.image, &Env::new(), &[], false));
    let others =
        file.with.iter().map(|other| spec(other.name.get_ref(), &other.image, &other.env, &other.command, false));
    let service = &file.service;
    let replicas = file.replicas().iter().map(|name| spec(name, &service.image, &service.env, &service.command, true));
    database.chain(others).chain(replicas).collect()
}

/// An environment with its placeholders filled in.
fn filled(env: &Env, own_name: &str, ips: &HashMap<&'static str, Ipv4Addr>) -> Vec<String> {
    let value = |name: &str| match name {
        "name" => own_name.to_owned(),
        "database" => ips.get(DB).map(Ipv4Addr::to_string).unwrap_or_default(),
        other => ips.get(other).map(Ipv4Addr::to_string).unwrap_or_default(),
    };
    env.iter().map(|(key, text)| format!("{key}={}", place::fill(text.get_ref(), value))).collect()
}

/// Waits for what the service needs, and fills the database.
async fn prepare(lab: &Lab, file: &File, bed: &Testbed) -> Result<()> {
    if let Some(database) = &file.database {
        lab.phase("wait: the database");
        let ip = bed.node(DB)?.ip();
        let up = || async move {
            match effects::sql(ip, "SELECT 1").await {
                Ok(_) => Look::Ready(()),
                Err(error) => Look::NotYet(error.to_string()),
            }
        };
        poll::until("the database to be there", START_LIMIT, up).await?;
        effects::sql(ip, &database.init).await.map_err(|error| {
            let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
            Error::inconclusive(format!("the database refuses [database] init: {said}"))
        })?;
    }
    for other in &file.with {
        let (name, Some(port)) = (other.name.get_ref(), other.port) else { continue };
        lab.phase(format!("wait: {name}"));
        let ip = bed.node(name)?.ip();
        let up = || async move {
            match timeout(Duration::from_secs(1), TcpStream::connect((ip, port))).await {
                Ok(Ok(_)) => Look::Ready(()),
                Ok(Err(error)) => Look::NotYet(error.to_string()),
                Err(_) => Look::NotYet("no answer".into()),
            }
        };
        poll::until(&format!("{name} to accept at {port}"), START_LIMIT, up).await?;
    }
    Ok(())
}

impl OnTestbed for Own {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

impl Replicated for Own {
    fn router(&self) -> &Router {
        &self.router
    }

    fn ends(&self) -> &Ends {
        &self.ends
    }
}

#[async_trait]
impl System for Own {
    type Setup = &'static File;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn traffic(&self) -> Traffic {
        self.file.load.traffic()
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let often = Duration::from_millis(250);
        let mut probes: Vec<(Duration, Box<dyn Probe>)> = Vec::new();
        for node in self.bed.nodes() {
            probes.push((often, Box::new(Machine::new(node))));
        }
        for node in self.bed.nodes().iter().filter(|node| self.file.replicas().contains(&node.name())) {
            probes.push((Duration::ZERO, Box::new(LogTail::new(node))));
            probes.push((often, Box::new(Ports::new(node, &[self.file.service.port]))));
        }
        probes
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let (router, file) = (Arc::clone(&self.router), self.file);
        Workload::start(lab.ledger(), lab.plan().seed, traffic, 1, move |_| Caller::new(Arc::clone(&router), file))
    }

    /// The updates of the workload that took effect. Other rows, such as those that the
    /// database began with, are none of its business.
    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let written: HashMap<u64, u64> =
            self.ledger.read(|entries| entries.iter().map(|entry| (entry.id, entry.value)).collect());
        let mut ids: Vec<_> = written.keys().copied().collect();
        ids.sort_unstable();
        let mut counted = self.count(&ids).await?;
        counted.retain(|id, _| written.contains_key(id));
        let contents = counted.keys().map(|id| (*id, written[id])).collect();
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        Ok(vec![("effects".into(), contents)])
    }

    async fn repeated(&self) -> Result<BTreeSet<u64>> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(counted.iter().filter(|(_, times)| **times > 1).map(|(id, _)| *id).collect())
    }

    async fn healthy(&self) -> Look<()> {
        self.router.unready().await.map_or(Look::Ready(()), Look::NotYet)
    }
}
