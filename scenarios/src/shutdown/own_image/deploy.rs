//! The testbed of a user's service: the database and the other containers first, then the
//! replicas.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use reenact::{
    Error, Result, campaign,
    incident::Lab,
    poll::{self, Look},
    probe::{PortState, Ports},
    testbed::{Node, NodeSpec, Session, Testbed},
};

use super::{
    super::{DB, faults::Ends, router::Router},
    effects,
    file::{Env, File, Other, Update},
    own::Own,
    place,
    pusher::Target,
    ready::Asked,
};

/// How long the database and the other containers may take to be there.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Starts everything in order, and waits until every replica is ready.
pub(super) async fn deploy(session: &Arc<Session>, lab: &Lab, file: &'static File) -> Result<Own> {
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
    let queue = match &file.update {
        Update::Queue(queue) => Some(Target::of(queue, &bed)?),
        Update::Request(_) | Update::Grpc(_) => None,
    };
    let own = Own {
        file,
        bed: bed.clone(),
        router: Router::asking(replicas.iter().copied(), Box::new(Asked::new(file, &replicas))),
        ends: Ends::new(lab.clock()),
        ledger: Arc::clone(lab.ledger()),
        queue,
        refused: Arc::default(),
        counted: Mutex::default(),
        pre_stop: Mutex::default(),
    };
    lab.phase("wait: every replica to be ready");
    poll::until("every replica to be ready", file.service.ready_within.0, || comes_up(&own, &replicas)).await?;
    Ok(own)
}

/// Whether all replicas are ready; never, if one has ended.
async fn comes_up(own: &Own, replicas: &[&Node]) -> Look<()> {
    let Some(why) = own.unready().await else { return Look::Ready(()) };
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
        keeps_run: true,
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
async fn prepare(lab: &Lab, file: &'static File, bed: &Testbed) -> Result<()> {
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
        prepare_other(lab, other, bed.node(other.name.get_ref())?).await?;
    }
    Ok(())
}

/// Waits for a further container, and runs its command.
async fn prepare_other(lab: &Lab, other: &'static Other, node: &Node) -> Result<()> {
    let name = node.name();
    if let Some(port) = other.port {
        lab.phase(format!("wait: {name}"));
        let up = || async move {
            match Ports::connect(node.ip(), port).await {
                Ok(PortState::Open) => Look::Ready(()),
                Ok(_) => Look::NotYet("no answer".into()),
                Err(error) => Look::NotYet(error.to_string()),
            }
        };
        poll::until(&format!("{name} to accept at {port}"), START_LIMIT, up).await?;
    }
    let words: Vec<_> = other.init.iter().map(String::as_str).collect();
    if words.is_empty() {
        return Ok(());
    }
    let output = node.exec(&words).await?;
    let said = output.text.trim();
    let failed = || Error::inconclusive(format!("init of {name} ended with exit code {}: {said}", output.code));
    if output.code == 0 { Ok(()) } else { Err(failed()) }
}
