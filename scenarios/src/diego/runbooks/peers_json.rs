//! The recovery of Consul's servers that look for each other where nobody is any more.

use std::fmt;

use async_trait::async_trait;
use futures::future::try_join_all;
use reenact::{
    Result,
    probe::Answer,
    runbook::{Conclusion, Operator, Runbook},
};
use serde_json::{Value, json};

use super::{
    consul::{self, DATA, START, Server, Servers},
    vm,
};

/// Stops all servers, tells each one where all of them are now, and starts them: they read
/// `raft/peers.json` instead of what their logs say, and keep their data.
///
/// Only where no leader can come back by itself: a server whose machine is off, or that
/// still answers where it was, has a vote and may have newer data.
#[derive(Debug)]
pub(crate) struct WritePeersJson;

impl fmt::Display for WritePeersJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stop Consul's servers, write raft/peers.json everywhere, start them")
    }
}

#[async_trait]
impl Runbook for WritePeersJson {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let servers = Servers::take(operator).await?;
        if servers.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(why) = unfit(operator, &servers).await? {
            return Ok(Conclusion::Refused { why });
        }
        let nodes = || servers.0.iter().map(|server| server.node);
        let stopped = try_join_all(nodes().map(|node| consul::stop(operator, node)));
        operator.step("stop all servers", stopped).await?;
        operator.step("write raft/peers.json everywhere", write(operator, &servers)).await?;
        let started = async {
            try_join_all(nodes().map(|node| consul::start(operator, node))).await?;
            consul::until_whole(operator, START).await
        };
        operator.step("start all servers", started).await?;
        Ok(Conclusion::Done)
    }
}

/// Why this must not be done now.
async fn unfit(operator: &Operator<'_>, servers: &Servers) -> Result<Option<String>> {
    if servers.are_led() {
        return Ok(Some(format!("there is a leader: {}", servers.says())));
    }
    let down = servers.down();
    if !down.is_empty() {
        return Ok(Some(format!("{} can come back with its vote and its data", down.join(" and "))));
    }
    let hangs = |server: &Server| !matches!(server.leader, Ok(_) | Err(Answer::Refused));
    if servers.0.iter().any(hangs) {
        return Ok(Some(format!("it is not known of all whether they have a leader: {}", servers.says())));
    }
    let old = old_addresses(servers);
    if old.is_empty() {
        return Ok(Some(format!("the servers look for each other where they are: {}", servers.says())));
    }
    for address in old {
        if consul::answers_at(operator, servers.0[0].node, address).await? {
            return Ok(Some(format!("a server still answers at {address}")));
        }
    }
    Ok(None)
}

/// Where the servers look for peers, and none of them is.
fn old_addresses(servers: &Servers) -> Vec<&str> {
    let peers = servers.0.iter().flat_map(|server| &server.peers).map(|(address, _)| address.as_str());
    let is_old = |address: &&str| !servers.0.iter().any(|server| server.address == *address);
    let mut old: Vec<_> = peers.filter(is_old).collect();
    old.sort_unstable();
    old.dedup();
    old
}

/// In the form of each server's own raft protocol: up to version 2 a peer is its address,
/// from version 3 on it has an id.
async fn write(operator: &Operator<'_>, servers: &Servers) -> Result<()> {
    let list = try_join_all(servers.0.iter().map(|server| peer(operator, server))).await?;
    try_join_all(servers.0.iter().map(|server| write_one(operator, server.node, &list))).await.map(drop)
}

async fn write_one(operator: &Operator<'_>, node: &str, list: &[(String, String)]) -> Result<()> {
    vm::must(!vm::runs(operator, node, "consul").await?, format!("Consul still runs on {node}"))?;
    let text = peers_json(&consul::setting(operator, node, "RAFT_PROTOCOL").await?, list);
    vm::shell(operator, node, &format!("echo '{text}' >{DATA}/raft/peers.json")).await.map(drop)
}

async fn peer(operator: &Operator<'_>, server: &Server) -> Result<(String, String)> {
    let id = vm::shell(operator, server.node, &format!("cat {DATA}/node-id")).await?;
    Ok((id, server.address.clone()))
}

fn peers_json(protocol: &str, peers: &[(String, String)]) -> Value {
    let peer = |(id, address): &(String, String)| match protocol {
        "1" | "2" => json!(address),
        _ => json!({"id": id, "address": address, "non_voter": false}),
    };
    peers.iter().map(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_form() {
        let peers = [("id-1".to_owned(), "10.0.0.1:8300".to_owned())];
        assert_eq!(peers_json("2", &peers), json!(["10.0.0.1:8300"]));
        assert_eq!(peers_json("3", &peers)[0], json!({"id": "id-1", "address": "10.0.0.1:8300", "non_voter": false}));
    }
}
