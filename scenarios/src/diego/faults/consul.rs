//! What goes wrong with Consul's servers.

use std::{fmt, net::Ipv4Addr};

use async_trait::async_trait;
use futures::future::try_join_all;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
    testbed::{Node, Testbed},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{BBSES, CONSULS, Diego, consul::RAFT};

/// Where an agent's data is.
const DATA: &str = "/var/vcap/store/consul_agent";

/// Runs a script on a node; it must succeed.
async fn on(node: &Node, script: &str) -> Result<String> {
    let said = node.exec(&["bash", "-c", script]).await?;
    if said.code == 0 {
        return Ok(said.text);
    }
    Err(Error::inconclusive(format!("on {}, `{script}` ended with {}: {}", node.name(), said.code, said.text)))
}

/// A script that makes monit let go of the agent.
const UNMONITOR: &str = "monit unmonitor consul_agent && timeout 30 bash -c '
    until monit summary | grep consul_agent | grep \"Not monitored\" | grep -qv pending; do sleep 0.1; done'";
/// A script that writes the agent's configuration by the settings.
const CONFIGURE: &str = "consul_agent_ctl configure";
/// A script that stops the agent for longer.
const STOP: &str = "consul_agent_ctl stop";
/// A script that starts it, and has monit look after it again.
const START: &str = "consul_agent_ctl start && monit monitor consul_agent";

/// A script that sets one of the jobs' settings.
fn setting(name: &str, value: &str) -> String {
    let file = "/var/vcap/jobs/settings";
    format!("{{ grep -v '^{name}=' {file}; echo {name}={value}; }} >{file}.new && mv {file}.new {file}")
}

/// Servers of Consul's are made anew at other addresses, with their disks, and all machines
/// are told so. Nobody is at the old addresses any more: what is sent there is lost, and
/// connections end with no route. Nothing takes it back.
///
/// Where all of them move, the BBSes' agents are down meanwhile: by gossip an agent that
/// lives spreads the old addresses for most of a minute (measured).
///
/// The harness goes on to reach the nodes at the addresses that Docker gave them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Readdressed {
    /// The servers.
    nodes: Vec<String>,
}

/// A server that moves.
struct Move<'b> {
    node: &'b Node,
    new: Ipv4Addr,
}

impl Readdressed {
    /// For these servers.
    pub(crate) fn of(nodes: &[&str]) -> Self {
        Self { nodes: nodes.iter().map(|&node| node.into()).collect() }
    }

    /// The addresses that no node has are those behind the nodes'.
    fn moves<'b>(&self, bed: &'b Testbed) -> Result<Vec<Move<'b>>> {
        let last = bed.nodes().iter().map(Node::ip).max().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let new = |index: usize| Ipv4Addr::from(u32::from(last) + 1 + index as u32);
        let moving = CONSULS.iter().enumerate().filter(|(_, name)| self.nodes.iter().any(|node| node == *name));
        moving.map(|(index, name)| Ok(Move { node: bed.node(name)?, new: new(index) })).collect()
    }

    /// Where all servers are afterwards.
    async fn list(bed: &Testbed, moves: &[Move<'_>]) -> Result<String> {
        let address = |name: &'static str| async move {
            if let Some(moving) = moves.iter().find(|moving| moving.node.name() == name) {
                return Ok(moving.new.to_string());
            }
            let said = on(bed.node(name)?, ". /var/vcap/jobs/settings; echo $NODE_IP").await?;
            Ok::<_, Error>(said.trim().to_owned())
        };
        Ok(try_join_all(CONSULS.map(address)).await?.join(","))
    }

    /// A script for the helper that moves the servers, and closes all ways to where they were.
    async fn script(bed: &Testbed, moves: &[Move<'_>]) -> Result<String> {
        let mut script = vec!["set -e".to_owned()];
        for Move { node, new } in moves {
            script.push(move_in(node.state().await?.pid, node.ip(), *new));
        }
        for name in CONSULS.iter().chain(&BBSES) {
            let pid = bed.node(name)?.state().await?.pid;
            let others = moves.iter().filter(|moving| moving.node.name() != *name);
            script.extend(others.map(|moving| no_way(pid, moving.node.ip())));
        }
        Ok(script.join("\n"))
    }
}

/// What is in the machine's network afterwards. Connections of its own come from the new
/// address.
fn move_in(pid: i64, old: Ipv4Addr, new: Ipv4Addr) -> String {
    let ip = format!("nsenter -t {pid} -n ip");
    format!(
        "{ip} addr add {new}/28 dev eth0
        subnet=$({ip} -o route show scope link dev eth0 src {old}); subnet=${{subnet%% *}}
        {ip} route replace $subnet dev eth0 proto kernel scope link src {new}"
    )
}

/// As on a network where nobody has that address: a connection is told so, and any other
/// packet goes to a card that nobody has. (The helper knows protocols by number only: 6 is TCP.)
fn no_way(pid: i64, old: Ipv4Addr) -> String {
    let ip = format!("nsenter -t {pid} -n ip");
    format!(
        "{ip} route add unreachable {old}/32 table 77
        {ip} rule add to {old}/32 ipproto 6 lookup 77
        {ip} neigh replace {old} lladdr 02:00:00:00:00:77 dev eth0 nud permanent"
    )
}

#[async_trait]
impl Fault<Diego> for Readdressed {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let moves = self.moves(bed)?;
        // All that can be is made ready before, so that the servers are away for a moment only.
        let told = format!("{} && {CONFIGURE}", setting("CONSUL_SERVERS", &Self::list(bed, &moves).await?));
        let (moved, bbses) = (Self::script(bed, &moves).await?, BBSES.iter().map(|name| bed.node(name)));
        let bbses = bbses.collect::<Result<Vec<_>>>()?;
        let all_move = moves.len() == CONSULS.len();
        let told = |unmonitor: bool| if unmonitor { format!("{UNMONITOR} && {told}") } else { told.clone() };
        let agents = if all_move { &bbses[..] } else { &[] };
        try_join_all(bbses.iter().map(|node| async { on(node, &told(all_move)).await })).await?;
        try_join_all(moves.iter().map(|Move { node, new }| async {
            on(node, &format!("{} && {}", setting("NODE_IP", &new.to_string()), told(true))).await
        }))
        .await?;
        try_join_all(agents.iter().copied().chain(moves.iter().map(|moving| moving.node)).map(|node| on(node, STOP)))
            .await?;
        bed.shell().must(&moved).await?;
        try_join_all(moves.iter().map(|moving| moving.node).chain(agents.iter().copied()).map(|node| on(node, START)))
            .await?;
        Ok(Undo::none())
    }

    /// Each server listens for raft at its new address, and another one has no way to the
    /// old one.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let (mut holds, mut seen) = (true, Vec::new());
        for Move { node, new } in self.moves(bed)? {
            let other = CONSULS.iter().find(|name| **name != node.name()).copied().unwrap_or_default();
            let (pid, other) = (node.state().await?.pid, bed.node(other)?.state().await?.pid);
            let script = format!(
                "nsenter -t {pid} -n ss -Hltn 'sport = :{RAFT}'
                nsenter -t {other} -n ip route get {} ipproto 6; true",
                node.ip()
            );
            let said = bed.shell().must(&script).await?;
            holds &= said.contains(&format!("{new}:{RAFT}")) && said.contains("No route to host");
            seen.push(format!("{}: {}", node.name(), said.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        Ok(Effect::new(holds, seen.join("; ")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// A server gets another key than the others, and its keyring is removed so that it uses
/// that. Nothing takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForeignGossipKey {
    /// The server.
    pub(crate) node: String,
}

/// 32 bytes, in base64.
const FOREIGN_KEY: &str = "Zm9yZWlnbiBrZXkgb2YgdGhpcnR5LXR3byBieXRlczA=";

#[async_trait]
impl Fault<Diego> for ForeignGossipKey {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let key = setting("GOSSIP_KEY", FOREIGN_KEY);
        let script = format!("{UNMONITOR} && {key} && {CONFIGURE} && {STOP} && rm -f {DATA}/serf/*.keyring && {START}");
        on(bed.node(&self.node)?, &script).await?;
        Ok(Undo::none())
    }

    /// The keyring on its disk.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let keyring = bed.node(&self.node)?.read(bed.shell(), &format!("{DATA}/serf/local.keyring")).await?;
        let keyring = keyring.unwrap_or_default();
        Ok(Effect::new(keyring.contains(FOREIGN_KEY), format!("{}'s keyring: {}", self.node, keyring.trim())))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// A server is configured with another key than the others, and keeps its keyring. It holds
/// from its next start. Nothing takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyInConfig {
    /// The server.
    pub(crate) node: String,
}

#[async_trait]
impl Fault<Diego> for NewKeyInConfig {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let script = format!("{} && {CONFIGURE}", setting("GOSSIP_KEY", FOREIGN_KEY));
        on(bed.node(&self.node)?, &script).await?;
        Ok(Undo::none())
    }

    /// Its configuration.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let config = bed.node(&self.node)?.read(bed.shell(), "/var/vcap/jobs/consul_agent.json").await?;
        let config = config.unwrap_or_default();
        let line = config.lines().find(|line| line.contains("encrypt")).unwrap_or_default();
        Ok(Effect::new(line.contains(FOREIGN_KEY), format!("{} is configured with{line}", self.node)))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// A server is started with itself as its only peer, as somebody does who finds no leader and
/// takes the others for lost. Nothing takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AloneByPeersJson {
    /// The server.
    pub(crate) node: String,
}

#[async_trait]
impl Fault<Diego> for AloneByPeersJson {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let node = bed.node(&self.node)?;
        let script = format!(
            "{UNMONITOR} && {STOP} && printf '[{{\"id\": \"%s\", \"address\": \"%s\", \"non_voter\": false}}]' \
                $(<{DATA}/node-id) {}:{RAFT} >{DATA}/raft/peers.json && {START}",
            node.ip()
        );
        on(node, &script).await?;
        Ok(Undo::none())
    }

    /// Who votes, by Consul's own command. A server that was just cut off it may still take
    /// for alive, and add as one that does not.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let peers = bed.node(&self.node)?.exec(&["consul", "operator", "raft", "list-peers", "-stale=true"]).await?;
        let votes =
            |line: &&str| line.contains(&format!(":{RAFT}")) && line.split_whitespace().any(|word| word == "true");
        let voters = peers.text.lines().filter(votes).count();
        Ok(Effect::new(peers.code == 0 && voters == 1, format!("{voters} of its peers vote: {}", peers.text.trim())))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// All servers are started with twice their number of voters, the others at addresses that
/// nobody has, as after machines that were replaced and never removed. Nothing takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadVoters {}

impl DeadVoters {
    /// The name of the dead one of that number.
    fn id(behind: usize) -> String {
        format!("00000000-0000-0000-0000-{behind:012}")
    }

    /// `raft/peers.json` in the form of protocol 3. The addresses that no node has are those
    /// behind the nodes'.
    async fn peers(bed: &Testbed) -> Result<String> {
        let last = bed.nodes().iter().map(Node::ip).max().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mut peers = Vec::new();
        for (behind, name) in (1..).zip(CONSULS) {
            let node = bed.node(name)?;
            peers.push((on(node, &format!("cat {DATA}/node-id")).await?.trim().to_owned(), node.ip()));
            peers.push((Self::id(behind), Ipv4Addr::from(u32::from(last) + behind as u32)));
        }
        let peer = |(id, ip)| format!(r#"{{"id": "{id}", "address": "{ip}:{RAFT}", "non_voter": false}}"#);
        Ok(format!("[{}]", peers.into_iter().map(peer).collect::<Vec<_>>().join(", ")))
    }
}

#[async_trait]
impl Fault<Diego> for DeadVoters {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let write = format!("echo '{}' >{DATA}/raft/peers.json", Self::peers(bed).await?);
        let servers = CONSULS.map(|name| bed.node(name)).into_iter().collect::<Result<Vec<_>>>()?;
        let stop = format!("{UNMONITOR} && {STOP} && {write}");
        try_join_all(servers.iter().map(|node| on(node, &stop))).await?;
        try_join_all(servers.iter().map(|node| on(node, START))).await?;
        Ok(Undo::none())
    }

    /// Each server's newest snapshot, which it makes as it takes the file, counts them.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let (bed, mut taken) = (&system.bed, 0);
        for name in CONSULS {
            let snapshots = bed.node(name)?.reach(&format!("{DATA}/raft/snapshots")).await?;
            let said = bed.shell().must(&format!("cat {snapshots}/*/meta.json 2>/dev/null; true")).await?;
            taken += usize::from((1..=CONSULS.len()).all(|behind| said.contains(&Self::id(behind))));
        }
        Ok(Effect::new(taken == CONSULS.len(), format!("{taken} servers count the dead voters in their snapshots")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

impl fmt::Display for DeadVoters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("three more voters of Consul's are where nobody is")
    }
}

/// Both first pages of raft's database of a server that is switched off are overwritten.
/// Nothing takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RaftDatabaseCorrupt {
    /// The server.
    pub(crate) node: String,
}

#[async_trait]
impl Fault<Diego> for RaftDatabaseCorrupt {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let file = bed.node(&self.node)?.reach(&format!("{DATA}/raft/raft.db")).await?;
        bed.shell().must(&format!("tr '\\0' '\\377' </dev/zero | dd of={file} bs=4096 count=2 iflag=fullblock conv=notrunc,fsync status=none")).await?;
        Ok(Undo::none())
    }

    /// What they begin with.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let file = bed.node(&self.node)?.reach(&format!("{DATA}/raft/raft.db")).await?;
        let first = bed.shell().must(&format!("od -An -tx1 -N24 {file}; od -An -tx1 -j4096 -N24 {file}")).await?;
        let holds = first.split_whitespace().all(|byte| byte == "ff");
        Ok(Effect::new(holds, format!("the first pages begin with {}", first.trim())))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

impl fmt::Display for Readdressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at other addresses", self.nodes.join(", "))
    }
}

impl fmt::Display for ForeignGossipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has another gossip key, and no keyring but that", self.node)
    }
}

impl fmt::Display for NewKeyInConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has another gossip key in its configuration", self.node)
    }
}

impl fmt::Display for AloneByPeersJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has itself as its only voter", self.node)
    }
}

impl fmt::Display for RaftDatabaseCorrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the first pages of raft's database on {} are damaged", self.node)
    }
}
