//! The probes' answers, read: what each holds is said in the contract (`detectors`).

use std::{collections::BTreeMap, time::Duration};

use super::seen::{Read, Values, flag, number, value};

/// A member of etcd, as it sees itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etcd {
    /// Its cluster.
    pub cluster: String,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// How far it has come in its cluster's log.
    pub applied: u64,
    /// `NOSPACE`, `CORRUPT`
    pub alarms: Vec<String>,
}

impl Read for Etcd {
    const OF: &'static str = "etcd:member";

    fn read(values: &Values) -> Result<Self, String> {
        Ok(Self {
            cluster: value(values, "cluster")?.into(),
            has_leader: flag(values, "has_leader")?,
            applied: number(values, "applied")?,
            alarms: value(values, "alarms")?.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// What a member's data come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hash {
    /// The sum.
    pub hash: u64,
    /// Of the data as of this revision.
    pub revision: u64,
    /// The revision before which there are no old ones.
    pub compacted: u64,
}

impl Read for Hash {
    const OF: &'static str = "etcd:hash";

    fn read(values: &Values) -> Result<Self, String> {
        let of = |name| number(values, name);
        Ok(Self { hash: of("hash")?, revision: of("revision")?, compacted: of("compacted")? })
    }
}

/// Who is etcd on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The process that the supervisor knows.
    pub pidfile: Option<u32>,
    /// The process that listens.
    pub listener: Option<u32>,
}

impl Read for Process {
    const OF: &'static str = "etcd:process";

    fn read(values: &Values) -> Result<Self, String> {
        let pid = |name| match value(values, name)? {
            "" => Ok(None),
            _ => number(values, name).map(Some),
        };
        Ok(Self { pidfile: pid("pidfile")?, listener: pid("listener")? })
    }
}

/// A Consul server, as it sees itself and its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consul {
    /// Its own address.
    pub address: String,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// Raft's peers by their addresses; whether they vote.
    pub peers: BTreeMap<String, bool>,
}

impl Read for Consul {
    const OF: &'static str = "consul:server";

    fn read(values: &Values) -> Result<Self, String> {
        let mut peers = BTreeMap::new();
        for (name, role) in values {
            let Some(address) = name.strip_prefix("peer:") else { continue };
            let votes = match role.as_str() {
                "voter" => true,
                "nonvoter" => false,
                other => return Err(format!("{name} is neither voter nor nonvoter: {other}")),
            };
            peers.insert(address.to_owned(), votes);
        }
        let has_leader = !value(values, "leader")?.is_empty();
        Ok(Self { address: value(values, "address")?.into(), has_leader, peers })
    }
}

/// The BBS's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub flags: u64,
    /// Who took it, by its value; empty: that cannot be read.
    pub holder: String,
    /// The session that holds it.
    pub session: Option<Session>,
}

/// A session that holds the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// How long it lives without a renewal, at least; zero: for ever.
    pub ttl: Duration,
    /// How many health checks end it.
    pub checks: u32,
}

/// The BBS's lock: there may be no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock(pub Option<Key>);

impl Read for Lock {
    const OF: &'static str = "consul:lock";

    fn read(values: &Values) -> Result<Self, String> {
        if !values.contains_key("flags") {
            return Ok(Self(None));
        }
        let id = value(values, "session")?;
        let session = || {
            let ttl = Duration::from_millis(number(values, "ttl_ms")?);
            Ok::<_, String>(Session { id: id.into(), ttl, checks: number(values, "checks")? })
        };
        let session = if id.is_empty() { None } else { Some(session()?) };
        Ok(Self(Some(Key { flags: number(values, "flags")?, holder: value(values, "holder")?.into(), session })))
    }
}

/// What a BBS says of itself: it listens only while it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// That it is there.
    Available,
    /// That it is not ready yet.
    Migrating,
}

impl Read for Ping {
    const OF: &'static str = "bbs:ping";

    fn read(values: &Values) -> Result<Self, String> {
        Ok(if value(values, "available")? == "true" { Self::Available } else { Self::Migrating })
    }

    fn of_error(code: &str) -> Option<Self> {
        (code == "503").then_some(Self::Migrating)
    }
}

/// The page that each BBS serves, whether or not it leads: whether it holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// As far as it knows.
    pub held: bool,
}

impl Read for Metrics {
    const OF: &'static str = "bbs:metrics";

    fn read(values: &Values) -> Result<Self, String> {
        Ok(Self { held: flag(values, "held")? })
    }
}

/// What the BBS desires: instances by process guid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desires(pub BTreeMap<String, u32>);

impl Read for Desires {
    const OF: &'static str = "bbs:list";

    fn read(values: &Values) -> Result<Self, String> {
        instances(values).map(Self)
    }
}

/// What the Cloud Controller wants: instances by process guid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apps(pub BTreeMap<String, u32>);

impl Read for Apps {
    const OF: &'static str = "cc:apps";

    fn read(values: &Values) -> Result<Self, String> {
        instances(values).map(Self)
    }
}

fn instances(values: &Values) -> Result<BTreeMap<String, u32>, String> {
    values.keys().map(|guid| Ok((guid.clone(), number(values, guid)?))).collect()
}

/// Diego's intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// From one pass of nsync to the next.
    pub nsync: Duration,
    /// After which the lock is tried again.
    pub retry: Duration,
}

impl Read for Config {
    const OF: &'static str = "diego:config";

    fn read(values: &Values) -> Result<Self, String> {
        let interval = |name| number(values, name).map(Duration::from_millis);
        Ok(Self { nsync: interval("nsync_ms")?, retry: interval("retry_ms")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Read>(said: &[(&str, &str)]) -> Result<T, String> {
        T::read(&said.iter().map(|&(name, value)| (name.into(), value.into())).collect())
    }

    #[test]
    fn an_answer_that_is_not_the_contract_s_is_none() {
        let member = [("cluster", "c"), ("has_leader", "1"), ("applied", "7"), ("alarms", "NOSPACE")];
        assert_eq!(read::<Etcd>(&member).expect("complete").alarms, ["NOSPACE"]);
        assert_eq!(read::<Etcd>(&member[1..]), Err("it lacks cluster".into()));
        assert!(read::<Etcd>(&[("cluster", "c"), ("has_leader", "yes"), ("applied", "7"), ("alarms", "")]).is_err());
        assert!(read::<Process>(&[("pidfile", "x"), ("listener", "")]).is_err());
        assert_eq!(read(&[("pidfile", ""), ("listener", "8")]), Ok(Process { pidfile: None, listener: Some(8) }));
        assert!(read::<Consul>(&[("address", "a"), ("leader", ""), ("peer:a", "leader")]).is_err());
        assert_eq!(read(&[]), Ok(Lock(None)));
        assert!(read::<Lock>(&[("flags", "1"), ("session", "s"), ("holder", "")]).is_err());
        assert_eq!(
            read(&[("flags", "1"), ("session", ""), ("holder", "")]),
            Ok(Lock(Some(Key { flags: 1, holder: String::new(), session: None })))
        );
        assert!(read::<Apps>(&[("a", "-1")]).is_err());
    }
}
