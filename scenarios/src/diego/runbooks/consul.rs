//! What an operator finds out about Consul's agents, and does with them.

use std::{net::Ipv4Addr, time::Duration};

use futures::future::try_join_all;
use reenact::{
    Error, Result,
    poll::{self, Look},
    probe::Answer,
    runbook::Operator,
};

use super::{
    super::{
        BBSES, CONSULS,
        consul::{Agent, RAFT},
        http::Http,
    },
    vm,
};
use crate::answer::describe;

/// How long servers may take to be led, all of them voters: 1.8 to 3.8 s, and 10 s more
/// until one that was away has its vote again.
pub(super) const START: Duration = Duration::from_secs(60);

/// How long one answer may take, on a loaded machine too: what does not answer is not known.
const LIMIT: Duration = Duration::from_secs(5);

/// The job, by its supervisor's name, and its process.
const JOB: &str = "consul_agent";
const PROCESS: &str = "consul";
/// Where an agent's data is.
pub(super) const DATA: &str = "/var/vcap/store/consul_agent";
/// What all jobs write.
const LOG: &str = "/var/vcap/sys/log/consul_agent/consul_agent.log";

/// A client of one agent, as an operator's `curl` is.
pub(super) fn agent(operator: &Operator<'_>, node: &str) -> Result<Agent> {
    Ok(Agent::new(operator.ip(node)?, &Http::new()))
}

/// A server, as it is found.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) node: &'static str,
    /// Whether its machine is up.
    pub(super) up: bool,
    /// The leader that it knows (empty: none), or how it is silent.
    pub(super) leader: Result<String, Answer>,
    /// Its address by its settings, such as `10.0.0.1:8300`; empty if it is down.
    pub(super) address: String,
    /// Raft's peers and whether they vote: as it tells them, or as it read them at its last
    /// start.
    pub(super) peers: Vec<(String, bool)>,
}

/// Consul's servers, as they are found.
#[derive(Debug)]
pub(super) struct Servers(pub(super) Vec<Server>);

impl Server {
    async fn look(operator: &Operator<'_>, node: &'static str) -> Result<Self> {
        let agent = agent(operator, node)?;
        let (leader, peers) = tokio::join!(agent.leader(LIMIT), agent.peers(LIMIT));
        let up = operator.is_up(node).await?;
        let mut found = Self { node, up, leader, address: String::new(), peers: peers.unwrap_or_default() };
        if up {
            found.address = format!("{}:{RAFT}", setting(operator, node, "NODE_IP").await?);
            if found.peers.is_empty() {
                let script = format!("grep -h 'initial configuration' {LOG} | tail -n 1");
                found.peers = peers_of(&vm::shell(operator, node, &script).await?);
            }
        }
        Ok(found)
    }

    /// Whether it knows a leader.
    pub(super) fn is_led(&self) -> bool {
        self.leader.as_ref().is_ok_and(|leader| !leader.is_empty())
    }

    fn says(&self) -> String {
        match &self.leader {
            _ if !self.up => format!("{} is down", self.node),
            Err(answer) => format!("{}: {}", self.node, describe(answer)),
            Ok(leader) if leader.is_empty() => format!("{} has no leader", self.node),
            Ok(leader) => format!("{} is led by {leader}", self.node),
        }
    }
}

impl Servers {
    /// Looks at all of them.
    pub(super) async fn take(operator: &Operator<'_>) -> Result<Self> {
        Ok(Self(try_join_all(CONSULS.map(|node| Server::look(operator, node))).await?))
    }

    /// Whether all know one leader, and all of them vote where they are.
    pub(super) fn is_whole(&self) -> bool {
        let [first, ..] = &self.0[..] else { return false };
        let votes = |of: &Server, address: &String| of.peers.contains(&(address.clone(), true));
        self.0.iter().all(|server| {
            server.is_led()
                && server.leader == first.leader
                && server.peers.len() == self.0.len()
                && self.0.iter().all(|other| votes(server, &other.address))
        })
    }

    /// Those whose machines are down.
    pub(super) fn down(&self) -> Vec<&'static str> {
        self.0.iter().filter(|server| !server.up).map(|server| server.node).collect()
    }

    /// Whether any of them knows a leader.
    pub(super) fn are_led(&self) -> bool {
        self.0.iter().any(Server::is_led)
    }

    /// Who is how, in a line.
    pub(super) fn says(&self) -> String {
        self.0.iter().map(Server::says).collect::<Vec<_>>().join("; ")
    }
}

/// Raft's peers in the line of a server's start: `… servers="[{Suffrage:Voter ID:…
/// Address:10.0.0.1:8300} …]"`.
fn peers_of(line: &str) -> Vec<(String, bool)> {
    let servers = line.split("Suffrage:").skip(1);
    let peer = |server: &str| {
        let address = server.split_once("Address:")?.1;
        Some((address.split(['}', ' ']).next()?.to_owned(), server.starts_with("Voter")))
    };
    servers.filter_map(peer).collect()
}

/// A setting of a machine's jobs; empty: it has none.
pub(super) async fn setting(operator: &Operator<'_>, node: &str, name: &str) -> Result<String> {
    vm::shell(operator, node, &format!(". /var/vcap/jobs/settings; echo \"${{{name}-}}\"")).await
}

/// Puts a setting into the agent's configuration; it holds from the agent's next start.
pub(super) async fn configure(operator: &Operator<'_>, node: &str, name: &str, value: &str) -> Result<()> {
    vm::set(operator, node, name, value).await?;
    vm::shell(operator, node, "consul_agent_ctl configure").await.map(drop)
}

/// Stops the agent by its supervisor.
pub(super) async fn stop(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::stop(operator, node, JOB, PROCESS).await
}

/// Starts the agent by its supervisor, and waits until it answers.
pub(super) async fn start(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::monit(operator, node, "start", JOB).await?;
    let agent = agent(operator, node)?;
    poll::until(&format!("Consul on {node} to answer"), START, || async {
        agent.leader(LIMIT).await.map_or_else(|answer| Look::NotYet(describe(&answer)), |_| Look::Ready(()))
    })
    .await
}

/// Stops the agent and starts it.
pub(super) async fn restart(operator: &Operator<'_>, node: &str) -> Result<()> {
    stop(operator, node).await?;
    start(operator, node).await
}

/// Has an agent speak to every other one: after a partition gossip takes most of a minute to
/// try again whom it has given up.
pub(super) async fn meet(operator: &Operator<'_>, node: &str) -> Result<()> {
    let mut command = vec!["consul".to_owned(), "join".to_owned()];
    for other in [&CONSULS[..], &BBSES].concat().into_iter().filter(|other| *other != node) {
        command.push(operator.ip(other)?.to_string());
    }
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    // It fails where one of them is away, and has met the others.
    operator.run(node, &command).await.map(drop)
}

/// Waits until all servers know one leader and vote.
///
/// # Errors
/// [`Error::Failed`] if they do not within `limit`.
pub(super) async fn until_whole(operator: &Operator<'_>, limit: Duration) -> Result<()> {
    poll::until("Consul's servers to be led, and to vote", limit, || async {
        match Servers::take(operator).await {
            Ok(servers) if servers.is_whole() => Look::Ready(()),
            Ok(servers) => {
                // A look is a few commands on each machine, and a vote takes ten seconds.
                tokio::time::sleep(Duration::from_secs(1)).await;
                Look::NotYet(servers.says())
            }
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// Waits until that server knows a leader.
///
/// # Errors
/// [`Error::Failed`] if it does not within `limit`.
pub(super) async fn until_led(operator: &Operator<'_>, node: &str, limit: Duration) -> Result<()> {
    let agent = agent(operator, node)?;
    poll::until(&format!("Consul on {node} to have a leader"), limit, || async {
        match agent.leader(LIMIT).await {
            Ok(leader) if leader.is_empty() => Look::NotYet("it has none".into()),
            Ok(_) => Look::Ready(()),
            Err(answer) => Look::NotYet(describe(&answer)),
        }
    })
    .await
}

/// Whether a server answers at an address of raft's, as one of the others sees it.
pub(super) async fn answers_at(operator: &Operator<'_>, from: &str, address: &str) -> Result<bool> {
    let ip: Ipv4Addr = address.split(':').next().unwrap_or_default().parse().map_err(|_| no_address(address))?;
    let connect = format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{ip}/{RAFT}'");
    Ok(operator.run(from, &["bash", "-c", &connect]).await?.code == 0)
}

fn no_address(text: &str) -> Error {
    Error::failed(format!("{text:?} is no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_read_from_a_start() {
        let line = r#"agent.server.raft: initial configuration: index=1 servers="[{Suffrage:Voter ID:a8e89785 Address:10.0.0.5:8300} {Suffrage:Nonvoter ID:e6a7 Address:10.0.0.6:8300}]""#;
        assert_eq!(peers_of(line), [("10.0.0.5:8300".to_owned(), true), ("10.0.0.6:8300".to_owned(), false)]);
        assert_eq!(peers_of("initial configuration: index=0 servers=[]"), []);
    }
}
