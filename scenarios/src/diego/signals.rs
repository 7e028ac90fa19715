//! The answers about Diego's parts, one struct a question. What each holds, and how often it
//! is asked, is said in the contract ([`detectors`](super::detectors)).

use std::{collections::BTreeMap, time::Duration};

use reenact::{
    probe::{Question, Values, read_but},
    questions,
};
use serde::{Deserialize, Serialize};

questions! {
    Etcd = "etcd:member",
    Hash = "etcd:hash",
    Process = "etcd:process",
    Consul = "consul:server",
    Lock = "consul:lock",
    Metrics = "bbs:metrics",
    Desires = "bbs:list",
    Apps = "cc:apps",
    Jobs = "monit:jobs",
    Config = "diego:config",
}

/// A member of etcd, as it sees itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Etcd {
    /// Its cluster, hexadecimal.
    pub(super) cluster: String,
    pub(super) id: String,
    pub(super) has_leader: bool,
    pub(super) term: u64,
    /// How far it has come in its cluster's log.
    pub(super) applied: u64,
    /// `NOSPACE CORRUPT`
    pub(super) alarms: String,
}

/// What a member's version 3 keys come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hash {
    pub(super) hash: u64,
    /// As of this revision.
    pub(super) revision: u64,
    /// The revision before which there are no old ones.
    pub(super) compacted: u64,
}

/// Who is etcd on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Process {
    /// The process that the supervisor knows.
    pub(super) pidfile: Option<u32>,
    /// The process that listens.
    pub(super) listener: Option<u32>,
}

/// A Consul server, as it sees itself and its peers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Values")]
pub(super) struct Consul {
    /// Its own address.
    pub(super) address: String,
    pub(super) has_leader: bool,
    /// Raft's peers by their addresses; whether they vote.
    pub(super) peers: BTreeMap<String, bool>,
}

impl TryFrom<Values> for Consul {
    type Error = String;

    fn try_from(values: Values) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Own {
            address: String,
            leader: String,
        }
        let Own { address, leader } = read_but(&values, &[])?;
        let peers = values.iter().filter_map(|(name, role)| Some((name.strip_prefix("peer:")?, role.as_str())));
        let votes = |(address, role): (&str, &str)| match role {
            "voter" => Ok((address.to_owned(), true)),
            "nonvoter" => Ok((address.to_owned(), false)),
            other => Err(format!("peer:{address} is neither voter nor nonvoter: {other}")),
        };
        Ok(Self { address, has_leader: !leader.is_empty(), peers: peers.map(votes).collect::<Result<_, _>>()? })
    }
}

/// The BBS's lock: there may be no key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Values")]
pub(super) struct Lock(pub(super) Option<Key>);

/// The BBS's key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Key {
    /// What it is for.
    pub(super) flags: u64,
    /// Who took it, by its value; empty: that cannot be read.
    pub(super) holder: String,
    /// Which session holds it; empty: none.
    #[serde(rename = "session")]
    id: String,
    #[serde(skip)]
    pub(super) session: Option<Session>,
}

/// A session that holds the key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "session")]
    pub(super) id: String,
    ttl_ms: u64,
    /// How many health checks end it.
    pub(super) checks: u32,
}

impl Session {
    /// How long it lives without a renewal, at least; zero: for ever.
    pub(super) fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }
}

impl TryFrom<Values> for Lock {
    type Error = String;

    fn try_from(values: Values) -> Result<Self, String> {
        if !values.contains_key("flags") {
            return Ok(Self(None));
        }
        let mut key: Key = read_but(&values, &[])?;
        if !key.id.is_empty() {
            key.session = Some(read_but(&values, &[])?);
        }
        Ok(Self(Some(key)))
    }
}

/// What a BBS says of itself: it listens only while it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Ping {
    /// If not, it is not ready yet.
    pub(super) available: bool,
}

impl Question for Ping {
    const OF: &'static str = "bbs:ping";

    fn of_error(code: &str) -> Option<Self> {
        (code == "503").then_some(Self { available: false })
    }
}

/// The page that each BBS serves, whether or not it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metrics {
    /// Whether it holds the lock, as far as it knows.
    pub(super) held: bool,
}

/// What the BBS desires: instances by process guid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Desires(pub(super) BTreeMap<String, u32>);

/// What the Cloud Controller wants: instances by process guid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Apps(pub(super) BTreeMap<String, u32>);

/// What a machine's supervisor says of its jobs: `ok`, `failing` or `unmonitored`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Jobs(pub(super) BTreeMap<String, String>);

/// Diego's intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Config {
    /// From one pass of nsync to the next.
    pub(super) nsync_ms: u64,
    /// After which the lock is tried again.
    pub(super) retry_ms: u64,
}

#[cfg(test)]
mod tests {
    use reenact::detect::testing::values;
    use serde::de::DeserializeOwned;

    use super::*;

    fn read<T: DeserializeOwned>(said: &[(&str, &str)]) -> Result<T, String> {
        values(said.iter().copied()).read()
    }

    #[test]
    fn an_answer_that_is_not_the_contract_s_is_none() {
        let member = [
            ("cluster", "12"),
            ("has_leader", "1"),
            ("applied", "7"),
            ("alarms", "NOSPACE"),
            ("id", "8e"),
            ("term", "2"),
        ];
        let etcd = Etcd {
            cluster: "12".into(),
            id: "8e".into(),
            has_leader: true,
            term: 2,
            applied: 7,
            alarms: "NOSPACE".into(),
        };
        assert_eq!(read(&member), Ok(etcd));
        assert_eq!(read::<Etcd>(&member[1..]), Err("missing field `cluster`".into()));
        assert!(read::<Etcd>(&[&member[..], &[("has_leader", "yes")]].concat()).is_err());
        assert!(read::<Process>(&[("pidfile", "x"), ("listener", "")]).is_err());
        assert_eq!(read(&[("pidfile", ""), ("listener", "8")]), Ok(Process { pidfile: None, listener: Some(8) }));
        let consul = [("address", "a"), ("leader", ""), ("peer:a", "voter"), ("peer:b", "nonvoter")];
        let peers = BTreeMap::from([("a".to_owned(), true), ("b".to_owned(), false)]);
        assert_eq!(read(&consul), Ok(Consul { address: "a".into(), has_leader: false, peers }));
        assert!(read::<Consul>(&[&consul[..2], &[("peer:a", "leader")]].concat()).is_err());
        assert_eq!(read(&[]), Ok(Lock(None)));
        assert!(read::<Lock>(&[("flags", "1"), ("session", "s"), ("holder", "")]).is_err());
        let Lock(key) = read(&[("flags", "1"), ("session", ""), ("holder", "")]).expect("no session");
        assert_eq!(key.expect("a key").session, None);
        let held = [("flags", "1"), ("session", "s"), ("holder", ""), ("ttl_ms", "9"), ("checks", "2")];
        let session = Session { id: "s".into(), ttl_ms: 9, checks: 2 };
        assert_eq!(read::<Lock>(&held).expect("a lock").0.expect("a key").session, Some(session));
        assert!(read::<Apps>(&[("a", "-1")]).is_err());
    }
}
