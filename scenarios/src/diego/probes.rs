//! The probes of Diego's own signals, as the detectors' contract has them (`detectors`).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact::{
    probe::{Answer, Probe, Signal},
    testbed::{Node, Shell},
};

use super::{
    Setup,
    bbs::{Bbs, CloudController},
    consul::Agent,
    etcd::{Member, PEERS},
};

type Values = BTreeMap<String, String>;

/// How long an answer may take, and a list.
const LIMIT: Duration = Duration::from_secs(1);
const LIST: Duration = Duration::from_secs(2);

/// What is asked, of whom.
pub(super) enum Question {
    Member(Member),
    Hash(Member),
    Server(Agent),
    Lock(Agent),
    Ping(Bbs),
    Metrics(Bbs),
    List(Bbs),
    Apps(CloudController),
}

/// Asks one part one question.
pub(super) struct Asks {
    node: String,
    question: Question,
}

fn values<const N: usize>(values: [(&str, String); N]) -> Values {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

impl Question {
    /// As the contract calls it.
    fn of(&self) -> &'static str {
        match self {
            Self::Member(_) => "etcd:member",
            Self::Hash(_) => "etcd:hash",
            Self::Server(_) => "consul:server",
            Self::Lock(_) => "consul:lock",
            Self::Ping(_) => "bbs:ping",
            Self::Metrics(_) => "bbs:metrics",
            Self::List(_) => "bbs:list",
            Self::Apps(_) => "cc:apps",
        }
    }

    async fn ask(&self) -> Result<Values, Answer> {
        let counted =
            |apps: super::bbs::Apps| apps.into_iter().map(|(guid, count)| (guid, count.to_string())).collect();
        match self {
            Self::Member(member) => status(member).await,
            Self::Hash(member) => {
                let said = member.hash(LIMIT).await?;
                let pairs = [("hash", said.hash), ("revision", said.revision), ("compacted", said.compacted)];
                Ok(values(pairs.map(|(name, number)| (name, number.to_string()))))
            }
            Self::Server(agent) => server(agent).await,
            Self::Lock(agent) => lock(agent).await,
            Self::Ping(bbs) => Ok(values([("available", bbs.ping(LIMIT).await?.to_string())])),
            Self::Metrics(bbs) => Ok(values([("held", u8::from(bbs.holds_lock(LIMIT).await?).to_string())])),
            Self::List(bbs) => bbs.desires(LIST).await.map(counted),
            Self::Apps(cloud_controller) => cloud_controller.apps(LIST).await.map(counted),
        }
    }
}

async fn status(member: &Member) -> Result<Values, Answer> {
    let said = member.status(LIMIT).await?;
    Ok(values([
        ("cluster", format!("{:x}", said.cluster)),
        ("id", format!("{:x}", said.id)),
        ("has_leader", u8::from(said.leader != 0).to_string()),
        ("term", said.term.to_string()),
        ("applied", said.index.to_string()),
        ("alarms", said.alarms),
    ]))
}

/// A server without a leader may refuse to tell its peers, and tells the rest.
async fn server(agent: &Agent) -> Result<Values, Answer> {
    let (leader, address, peers) = tokio::join!(agent.leader(LIMIT), agent.address(LIMIT), agent.peers(LIMIT));
    let mut said = values([("leader", leader?), ("address", address?)]);
    let role = |votes| if votes { "voter" } else { "nonvoter" }.to_owned();
    let peers = match peers {
        Err(Answer::Error { code, .. }) if code.starts_with('5') => Vec::new(),
        peers => peers?,
    };
    said.extend(peers.into_iter().map(|(address, votes)| (format!("peer:{address}"), role(votes))));
    Ok(said)
}

async fn lock(agent: &Agent) -> Result<Values, Answer> {
    let Some(lock) = agent.lock(LIMIT).await? else { return Ok(Values::new()) };
    let mut said =
        values([("session", lock.session.clone()), ("flags", lock.flags.to_string()), ("holder", lock.holder)]);
    if !lock.session.is_empty() {
        said.extend(values([("ttl_ms", lock.ttl_ms.to_string()), ("checks", lock.checks.to_string())]));
    }
    Ok(said)
}

impl Asks {
    pub(super) fn new(node: &Node, question: Question) -> Self {
        Self { node: node.name().into(), question }
    }
}

#[async_trait]
impl Probe for Asks {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let answer = self.question.ask().await;
        let answer = answer.map_or_else(|answer| answer, |values| Answer::Values { values });
        vec![Signal::Query { of: self.question.of().into(), answer }]
    }

    fn state(&self, signal: &Signal) -> Option<String> {
        let Signal::Query { of, answer } = signal else { return None };
        let led = |name| match answer.get(name) {
            None => "silent",
            Some("" | "0") => "no leader",
            Some(_) => "led",
        };
        let state = match of.as_str() {
            "etcd:member" => led("has_leader"),
            "consul:server" => led("leader"),
            "bbs:metrics" => match answer.get("held") {
                None => "silent",
                Some("0") => "waits",
                Some(_) => "holds the lock",
            },
            _ => return None,
        };
        Some(state.into())
    }
}

/// Reads who is etcd on a machine: by the supervisor's file, and by the peers' port.
pub(super) struct Owner {
    node: Node,
    shell: Arc<Shell>,
}

/// A script that prints the id in the pid file and the listener's, a line each, as that
/// machine counts its processes; `pid` is the machine's first process.
fn owners(pid: i64) -> String {
    format!(
        "file=; read -r file </proc/{pid}/root/var/vcap/sys/run/etcd/etcd.pid; echo \"$file\"; who-listens {pid} {PEERS}"
    )
}

fn untold(text: String) -> Answer {
    Answer::Error { code: "exec".into(), text }
}

/// Who is etcd on that machine.
///
/// # Errors
/// How it cannot be told, as an answer.
pub(super) async fn owner(node: &Node, shell: &Shell) -> Result<(String, String), Answer> {
    let pid = node.state().await.map_err(|error| untold(error.to_string()))?.pid;
    if pid == 0 {
        return Err(Answer::Refused);
    }
    let script = format!("{{ {}; }} 2>/dev/null", owners(pid));
    let (code, said) = shell.run(&script).await.map_err(|error| untold(error.to_string()))?;
    let mut lines = said.lines().map(str::to_owned);
    match (code, lines.next(), lines.next()) {
        (0, Some(file), listener) => Ok((file, listener.unwrap_or_default())),
        _ => Err(untold(format!("ended with {code}: {said}"))),
    }
}

impl Owner {
    pub(super) fn new(node: &Node, shell: &Arc<Shell>) -> Self {
        Self { node: node.clone(), shell: Arc::clone(shell) }
    }
}

#[async_trait]
impl Probe for Owner {
    fn node(&self) -> &str {
        self.node.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        let answer = owner(&self.node, &self.shell).await;
        let answer = answer.map_or_else(
            |answer| answer,
            |(pidfile, listener)| Answer::Values { values: values([("pidfile", pidfile), ("listener", listener)]) },
        );
        vec![Signal::Query { of: "etcd:process".into(), answer }]
    }
}

/// Says once how fast Diego's own clocks go here.
pub(super) struct Config {
    node: String,
    setup: Setup,
}

impl Config {
    pub(super) fn new(node: &Node, setup: Setup) -> Self {
        Self { node: node.name().into(), setup }
    }
}

#[async_trait]
impl Probe for Config {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let ms = |duration: Duration| duration.as_millis().to_string();
        let said = values([("nsync_ms", ms(self.setup.nsync())), ("retry_ms", ms(self.setup.retry()))]);
        vec![Signal::Query { of: "diego:config".into(), answer: Answer::Values { values: said } }]
    }
}
