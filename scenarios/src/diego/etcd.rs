//! What etcd's members are asked, over HTTP on their clients' port.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use reenact::{judge::Contents, probe::Answer};
use serde_json::{Value, json};

use super::{
    http::{Http, Request},
    signals::Hash,
};
use crate::answer::garbled;

/// The port for clients, of 2016.
pub(super) const CLIENTS: u16 = 4001;
/// The port for peers.
pub(super) const PEERS: u16 = 7001;

/// How long a member without a quorum takes to say so is 7 s; a little more.
const WITH_QUORUM: Duration = Duration::from_secs(9);

/// Which etcd runs; each is in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Of Diego's time, more or less.
    V3_3,
    /// The one that the facts were measured on.
    V3_4,
    /// The newest.
    V3_5,
}

impl Version {
    /// As the image has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V3_3 => "3.3",
            Self::V3_4 => "3.4",
            Self::V3_5 => "3.5",
        }
    }

    /// Where the gateway to version 3's own protocol is.
    const fn gateway(self) -> &'static str {
        match self {
            Self::V3_3 => "/v3beta",
            Self::V3_4 | Self::V3_5 => "/v3",
        }
    }
}

/// A client of one member.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) ip: Ipv4Addr,
    version: Version,
    http: Http,
}

/// Who a member says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// Its cluster.
    pub(super) cluster: u64,
    /// Its own id.
    pub(super) id: u64,
    /// The leader that it knows; 0: none.
    pub(super) leader: u64,
    pub(super) term: u64,
    /// How far it has come in the log.
    pub(super) index: u64,
    /// Such as `NOSPACE`.
    pub(super) alarms: String,
}

/// etcd writes 64-bit numbers as text, and leaves zeros out; what is there and is no number
/// is none.
fn number(said: &Value, path: &str) -> Result<u64, Answer> {
    let value = said.pointer(path).unwrap_or(&Value::Null);
    if value.is_null() {
        return Ok(0);
    }
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| garbled(path, said))
}

impl Member {
    pub(super) fn new(ip: Ipv4Addr, version: Version, http: &Http) -> Self {
        Self { ip, version, http: http.clone() }
    }

    async fn ask(&self, request: Request<'_>) -> Result<Value, Answer> {
        self.http.ask(self.ip, CLIENTS, request).await
    }

    /// Asks over version 3's gateway, such as `kv/put`.
    pub(super) async fn v3(&self, path: &str, body: &Value, limit: Duration) -> Result<Value, Answer> {
        let said = self.ask(Request::post(&format!("{}/{path}", self.version.gateway()), body, limit)).await?;
        if said.is_object() { Ok(said) } else { Err(garbled(path, said)) }
    }

    /// Asks the member about itself only; it answers without a quorum.
    pub(super) async fn status(&self, limit: Duration) -> Result<Status, Answer> {
        let said = self.v3("maintenance/status", &json!({}), limit).await?;
        let alarms: Vec<_> = said["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let alarms: Vec<_> = ["NOSPACE", "CORRUPT"].into_iter().filter(|&name| has(&alarms, name)).collect();
        Ok(Status {
            cluster: number(&said, "/header/cluster_id")?,
            id: number(&said, "/header/member_id")?,
            leader: number(&said, "/leader")?,
            term: number(&said, "/raftTerm")?,
            index: number(&said, "/raftIndex")?,
            alarms: alarms.join(" "),
        })
    }

    /// The member's own version 3 keys, as of its newest revision.
    pub(super) async fn hash(&self, limit: Duration) -> Result<Hash, Answer> {
        let said = self.v3("maintenance/hash", &json!({}), limit).await?;
        let (hash, revision) = (number(&said, "/hash")?, number(&said, "/header/revision")?);
        Ok(Hash { hash, revision, compacted: number(&said, "/compact_revision")? })
    }

    /// The version 2 keys below a folder, by their last part, as the quorum has them. A
    /// folder that is not there is empty.
    pub(super) async fn keys(&self, folder: &str) -> Result<BTreeMap<String, Value>, Answer> {
        self.read(&format!("/v2/keys{folder}?quorum=true&recursive=true"), WITH_QUORUM).await
    }

    /// The same as this member has them in its own copy, stale or not.
    pub(super) async fn local_keys(&self, folder: &str) -> Result<BTreeMap<String, Value>, Answer> {
        self.read(&format!("/v2/keys{folder}?recursive=true"), Duration::from_secs(2)).await
    }

    /// Whether the quorum has a task of that name.
    pub(super) async fn has_task(&self, guid: &str) -> Result<bool, Answer> {
        match self.ask(Request::get(&format!("/v2/keys/v1/task/{guid}?quorum=true"), WITH_QUORUM)).await {
            Ok(said) if said["node"]["value"].is_string() => Ok(true),
            Ok(said) => Err(garbled("a task", said)),
            Err(Answer::Error { code, .. }) if code == "404" => Ok(false),
            Err(answer) => Err(answer),
        }
    }

    async fn read(&self, path: &str, limit: Duration) -> Result<BTreeMap<String, Value>, Answer> {
        let mut keys = BTreeMap::new();
        match self.ask(Request::get(path, limit)).await {
            Ok(mut said) if said["node"].is_object() => leaves(said["node"].take(), &mut keys),
            Ok(said) => return Err(garbled("a folder's keys", said)),
            Err(Answer::Error { code, .. }) if code == "404" => {}
            Err(answer) => return Err(answer),
        }
        Ok(keys)
    }

    /// Writes a small key of no meaning, of version 2: it has no part in version 3's revisions and
    /// what those hash to, and lies in no folder that anybody reads.
    pub(super) async fn beat(&self, of: &str) -> Result<(), Answer> {
        self.ask(Request::form(&format!("/v2/keys/canary/{of}"), "value=beat", WITH_QUORUM)).await.map(drop)
    }

    /// What it says when it is asked for its health, as a load balancer asks.
    pub(super) async fn says_healthy(&self, limit: Duration) -> Result<bool, Answer> {
        let said = self.ask(Request::get("/health", limit)).await?;
        Ok(said["health"] == "true" || said["health"] == true)
    }

    /// The members that it knows, by their peers' addresses.
    pub(super) async fn members(&self, limit: Duration) -> Result<Vec<String>, Answer> {
        let said = self.ask(Request::get("/v2/members", limit)).await?;
        let members = said["members"].as_array().ok_or_else(|| garbled("the members", &said))?.iter();
        Ok(members.filter_map(|member| Some(member["peerURLs"][0].as_str()?.to_owned())).collect())
    }
}

fn has(alarms: &[&str], name: &str) -> bool {
    alarms.iter().any(|alarm| alarm.contains(&format!("alarm:{name}")))
}

/// The keys of a folder and all below it, by the last part of each one's name.
fn leaves(node: Value, keys: &mut BTreeMap<String, Value>) {
    let Value::Object(mut node) = node else { return };
    if let Some(Value::Array(nodes)) = node.remove("nodes") {
        nodes.into_iter().for_each(|node| leaves(node, keys));
    } else if let (Some(Value::String(key)), Some(Value::String(value))) = (node.remove("key"), node.remove("value")) {
        let name = key.rsplit('/').next().unwrap_or_default().to_owned();
        keys.insert(name, serde_json::from_str(&value).unwrap_or(Value::String(value)));
    }
}

/// The workload's writes among keys: see `client`.
pub(super) fn written<'a>(names: impl Iterator<Item = &'a String>) -> Contents {
    let write = |name: &String| {
        let (id, value) = name.strip_prefix("ledger-")?.split_once('-')?;
        Some((id.parse().ok()?, value.parse().ok()?))
    };
    names.filter_map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_of_a_folder_is_read() {
        let folder = json!({"key": "/v1", "dir": true, "nodes": [
            {"key": "/v1/task", "dir": true, "nodes": [{"key": "/v1/task/ledger-7-12", "value": "{\"task_guid\": \"x\"}"}]},
            {"key": "/v1/empty", "dir": true},
            {"key": "/v1/other", "value": "plain"},
        ]});
        let mut keys = BTreeMap::new();
        leaves(folder, &mut keys);
        assert_eq!(keys["ledger-7-12"]["task_guid"], "x");
        assert_eq!(keys["other"], "plain");
        assert_eq!(keys.len(), 2);
        assert_eq!(written(keys.keys()), Contents::from([(7, 12)]));
    }

    #[test]
    fn numbers_are_read_as_text_and_zeros_from_nothing() {
        let said = json!({"a": "18446744073709551615", "b": {"c": 7}, "d": "soon", "e": {}});
        assert_eq!(["/a", "/b/c", "/f"].map(|path| number(&said, path).expect("a number")), [u64::MAX, 7, 0]);
        for path in ["/d", "/e"] {
            assert!(number(&said, path).is_err(), "{path} is no zero");
        }
    }
}
