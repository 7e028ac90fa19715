//! The probes of Diego's own signals, as the detectors' contract has them (`detectors`).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact::{
    probe::{Answer, Canary, Probe, Signal},
    testbed::{Node, Shell},
};

use super::{
    bbs::{Bbs, CloudController},
    consul::Agent,
    detectors::WRITE,
    etcd::{Member, PEERS},
    monit::Monit,
    signals::{self, Etcd, Metrics},
};

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
    Jobs(Monit),
}

/// Asks one part one question.
pub(super) struct Asks {
    node: String,
    question: Question,
}

fn values<const N: usize>(values: [(&str, String); N]) -> Answer {
    Answer::Values { values: values.map(|(name, value)| (name.to_owned(), value)).into() }
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
            Self::Jobs(_) => "monit:jobs",
        }
    }

    async fn ask(&self) -> Result<Answer, Answer> {
        match self {
            Self::Member(member) => status(member).await,
            Self::Hash(member) => Ok(Answer::of(&member.hash(LIMIT).await?)),
            Self::Server(agent) => server(agent).await,
            Self::Lock(agent) => lock(agent).await,
            Self::Ping(bbs) => Ok(values([("available", bbs.ping(LIMIT).await?.to_string())])),
            Self::Metrics(bbs) => Ok(Answer::of(&Metrics { held: bbs.holds_lock(LIMIT).await? })),
            Self::List(bbs) => Ok(Answer::of(&bbs.desires(LIST).await?)),
            Self::Jobs(monit) => Ok(Answer::Values { values: monit.jobs(LIMIT).await? }),
            Self::Apps(cloud_controller) => Ok(Answer::of(&cloud_controller.apps(LIST).await?)),
        }
    }
}

async fn status(member: &Member) -> Result<Answer, Answer> {
    let said = member.status(LIMIT).await?;
    Ok(Answer::of(&Etcd {
        cluster: format!("{:x}", said.cluster),
        id: format!("{:x}", said.id),
        has_leader: said.leader != 0,
        term: said.term,
        applied: said.index,
        alarms: said.alarms,
    }))
}

/// A server without a leader may refuse to tell its peers, or hang, and tells the rest.
async fn server(agent: &Agent) -> Result<Answer, Answer> {
    let (leader, address, peers) = tokio::join!(agent.leader(LIMIT), agent.address(LIMIT), agent.peers(LIMIT));
    let role = |votes| if votes { "voter" } else { "nonvoter" }.to_owned();
    // Without its peers the rest is told all the same: they are then not known.
    let peers = peers.unwrap_or_default();
    let peers = peers.into_iter().map(|(peer, votes)| (format!("peer:{peer}"), role(votes)));
    let own = [("leader".to_owned(), leader?), ("address".to_owned(), address?)];
    Ok(Answer::Values { values: peers.chain(own).collect() })
}

async fn lock(agent: &Agent) -> Result<Answer, Answer> {
    let Some(lock) = agent.lock(LIMIT).await? else { return Ok(values([])) };
    let session = [("ttl_ms", lock.ttl_ms.to_string()), ("checks", lock.checks.to_string())];
    let session = session.into_iter().filter(|_| !lock.session.is_empty());
    let key = [("session", lock.session.clone()), ("flags", lock.flags.to_string()), ("holder", lock.holder)];
    let all = key.into_iter().chain(session).map(|(name, value)| (name.to_owned(), value));
    Ok(Answer::Values { values: all.collect() })
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
        let answer = self.question.ask().await.unwrap_or_else(|answer| answer);
        vec![Signal::Query { of: self.question.of().into(), answer }]
    }

    fn state(&self, signal: &Signal) -> Option<String> {
        let Signal::Query { of, answer } = signal else { return None };
        let led = |name| match answer.get(name) {
            None => "silent",
            Some("" | "false") => "no leader",
            Some(_) => "led",
        };
        let state = match of.as_str() {
            "etcd:member" => led("has_leader"),
            "consul:server" => led("leader"),
            "bbs:metrics" => match answer.get("held") {
                None => "silent",
                Some("false") => "waits",
                Some(_) => "holds the lock",
            },
            _ => return None,
        };
        Some(state.into())
    }
}

/// etcd's `ErrTimeout`: it gave a write up.
const ERR_TIMEOUT: &str = "timed out";

/// Writes a small key by one member of etcd, one write at a time.
pub(super) struct SyntheticWrite {
    node: String,
    member: Member,
    canary: Canary,
}

impl SyntheticWrite {
    pub(super) fn new(node: &Node, member: Member) -> Self {
        Self { node: node.name().into(), member, canary: Canary::every(Duration::ZERO, &[ERR_TIMEOUT]) }
    }
}

#[async_trait]
impl Probe for SyntheticWrite {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let (member, name) = (self.member.clone(), self.node.clone());
        let answer = self.canary.look(|| async move { member.beat(&name).await }).await;
        vec![Signal::Query { of: WRITE.into(), answer }]
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
        let answer = answer.map(|(pidfile, listener)| values([("pidfile", pidfile), ("listener", listener)]));
        let answer = answer.unwrap_or_else(|answer| answer);
        vec![Signal::Query { of: "etcd:process".into(), answer }]
    }
}

/// Says once how often nsync passes and how soon a BBS tries the lock again, as their own
/// settings say.
pub(super) struct Intervals {
    node: String,
    nsync: Duration,
    retry: Duration,
}

impl Intervals {
    pub(super) fn new(node: &Node, nsync: Duration, retry: Duration) -> Self {
        Self { node: node.name().into(), nsync, retry }
    }
}

#[async_trait]
impl Probe for Intervals {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        vec![Signal::told(&signals::Config { nsync_ms: ms(self.nsync), retry_ms: ms(self.retry) })]
    }
}
