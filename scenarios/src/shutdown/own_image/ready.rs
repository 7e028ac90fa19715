//! Whether a replica may get requests, as the file says that it tells.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use reenact::{
    probe::{LogTail, PortState, Ports, Probe, Signal},
    testbed::Node,
};
use regex::Regex;
use tokio::task::JoinSet;

use super::{
    super::router::{ASKED_EVERY, Readiness},
    file::{File, Ready},
    grpc,
    web::Web,
};

/// How long an answer may take: what Kubernetes allows before it takes an endpoint away,
/// three tries of a second.
const LIMIT: Duration = Duration::from_secs(3);
/// How often a command is run, and the daemon is asked: each time costs some 80 ms, and
/// some milliseconds.
const COMMAND_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Asks replicas as their file says.
pub(super) struct Asked {
    file: &'static File,
    web: Web,
    /// The boots of which a line of the log said that the replica is ready, by name.
    said: Arc<Mutex<HashMap<String, i64>>>,
    /// Who reads the logs.
    _readers: JoinSet<()>,
}

impl Asked {
    /// Follows the replicas' logs from now on, where it is those that tell.
    pub(super) fn new(file: &'static File, replicas: &[&Node]) -> Self {
        let (said, mut readers) = (Arc::<Mutex<HashMap<_, _>>>::default(), JoinSet::new());
        if let Some(Ready::Log(pattern)) = file.service.ready() {
            for &replica in replicas {
                readers.spawn(read(replica.clone(), pattern.0.clone(), Arc::clone(&said)));
            }
        }
        Self { file, web: Web::new(file), said, _readers: readers }
    }

    /// Why a replica is not ready by its log, or, where nothing tells, does not run.
    async fn not_there(&self, replica: &Node, pattern: Option<&Regex>) -> Option<String> {
        let boot = match replica.state().await {
            Ok(state) if state.running => state.pid,
            Ok(_) => return Some("it does not run".into()),
            Err(error) => return Some(error.to_string()),
        };
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).get(replica.name()) == Some(&boot);
        pattern.filter(|_| !said).map(|pattern| format!("no line of its log matches {pattern}"))
    }
}

#[async_trait]
impl Readiness for Asked {
    async fn missing(&self, replica: &Node) -> Option<String> {
        match (self.file.service.ready(), self.file.service.port) {
            (Some(Ready::Path(path)), _) => match self.web.get(replica.ip(), &path.0, LIMIT).await {
                Ok(reply) if reply.status.is_success() => None,
                Ok(reply) => Some(format!("{} at {}", reply.status, path.0)),
                Err(trouble) => Some(format!("{} at {}", trouble.why(), path.0)),
            },
            (Some(Ready::Grpc(service)), _) => grpc::unhealthy(&self.web, replica.ip(), service, LIMIT).await,
            (Some(Ready::Run(command)), _) => {
                let words: Vec<_> = command.iter().map(String::as_str).collect();
                match replica.exec(&words).await {
                    Ok(output) if output.code == 0 => None,
                    Ok(output) => {
                        Some(format!("`{}` ends with {}: {}", words.join(" "), output.code, output.text.trim()))
                    }
                    Err(error) => Some(error.to_string()),
                }
            }
            (Some(Ready::Log(pattern)), _) => self.not_there(replica, Some(&pattern.0)).await,
            (None, None) => self.not_there(replica, None).await,
            (None, Some(port)) => match Ports::connect(replica.ip(), port).await {
                Ok(PortState::Open) => None,
                Ok(state) => {
                    Some(format!("port {port} is {}", if state == PortState::Closed { "closed" } else { "silent" }))
                }
                Err(error) => Some(error.to_string()),
            },
        }
    }

    fn every(&self) -> Duration {
        match (self.file.service.ready(), self.file.service.port) {
            (Some(Ready::Run(_)), _) => COMMAND_EVERY,
            (Some(Ready::Log(_)), _) | (None, None) => LOOK_EVERY,
            (Some(Ready::Path(_) | Ready::Grpc(_)), _) | (None, Some(_)) => ASKED_EVERY,
        }
    }
}

/// Notes the boots in which a line of the log matches.
async fn read(replica: Node, pattern: Regex, said: Arc<Mutex<HashMap<String, i64>>>) {
    let mut log = LogTail::new(&replica);
    loop {
        let signals = log.look().await;
        let matches = |signal: &Signal| matches!(signal, Signal::Log { line } if pattern.is_match(line));
        if signals.iter().any(matches)
            && let Ok(state) = replica.state().await
        {
            said.lock().unwrap_or_else(PoisonError::into_inner).insert(replica.name().into(), state.pid);
        }
    }
}
