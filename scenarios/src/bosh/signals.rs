//! The answers about the director, one struct a question. What each holds, and how often
//! it is asked, is said in the contract ([`detectors`](super::detectors)).

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use ipnet::Ipv4Net;
use reenact::{
    probe::{Values, read_but},
    questions,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

questions! {
    Locks = "sql:locks",
    Tasks = "sql:tasks",
    Events = "sql:events",
    Jobs = "sql:jobs",
    SqlVms = "sql:vms",
    Inflight = "iaas:inflight",
    IaasVms = "iaas:vms",
    Config = "director:config",
}

/// Rows, and when they were read by the director's clock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Values", bound = "K: Ord + DeserializeOwned, R: DeserializeOwned")]
pub(super) struct Dated<K, R> {
    pub(super) now_ms: i64,
    pub(super) rows: BTreeMap<K, R>,
}

/// What an answer holds beside its rows.
#[derive(Deserialize)]
struct Stamp {
    now_ms: i64,
}

impl<K: Ord + DeserializeOwned, R: DeserializeOwned> TryFrom<Values> for Dated<K, R> {
    type Error = String;

    fn try_from(values: Values) -> Result<Self, String> {
        let Stamp { now_ms } = read_but(&values, &[])?;
        Ok(Self { now_ms, rows: read_but(&values, &["now_ms"])? })
    }
}

/// `locks` by name, expired ones too.
pub(super) type Locks = Dated<String, LockRow>;

/// The last rows of `tasks`, and all that have not ended, by id.
pub(super) type Tasks = Dated<u64, Task>;

/// The CPI calls in flight, by their request ids.
pub(super) type Inflight = Dated<String, Call>;

/// A row of `locks`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct LockRow {
    /// The holder's own mark.
    pub(super) uid: String,
    /// The task that inserted the row: after a takeover the wrong one.
    pub(super) task_id: String,
    /// From when on it is no lock any more.
    pub(super) expired_ms: i64,
}

/// A row of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Task {
    /// `processing`, `cancelling`, …
    pub(super) state: String,
    _kind: String,
    /// Whose deployment it works on; empty: none's.
    pub(super) deployment: String,
    /// When its checkpoint thread last wrote.
    pub(super) checkpoint_ms: Option<i64>,
    _started_ms: Option<i64>,
    _description: String,
}

impl Task {
    /// Whether it may still become something else by its own doing; `timeout` may.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state.as_str(), "done" | "error" | "cancelled")
    }
}

/// The newest rows of `events`, by id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Events(pub(super) BTreeMap<u64, Event>);

/// A row of `events`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Event {
    /// `acquire`, `lost`, `release`, `create`, …
    pub(super) action: String,
    /// `lock`, `vm`, …
    pub(super) object_type: String,
    pub(super) object_name: String,
    /// Whose doing it is, where it is a task's.
    pub(super) task: Option<u64>,
    _deployment: String,
    _error: String,
}

/// `delayed_jobs`, and who should work them off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Values")]
pub(super) struct Jobs {
    pub(super) now_ms: i64,
    /// By id.
    pub(super) rows: BTreeMap<u64, Queued>,
    /// The workers' names.
    pub(super) workers: Vec<String>,
}

/// A row of `delayed_jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Queued {
    _queue: String,
    /// The worker that has it; empty: none.
    pub(super) locked_by: String,
    /// From when on it may be taken.
    pub(super) run_at_ms: i64,
    /// The task that it is.
    pub(super) task: Option<u64>,
}

impl TryFrom<Values> for Jobs {
    type Error = String;

    fn try_from(values: Values) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Workers {
            workers: Vec<String>,
        }
        let (Stamp { now_ms }, Workers { workers }) = (read_but(&values, &[])?, read_but(&values, &[])?);
        Ok(Self { now_ms, workers, rows: read_but(&values, &["now_ms", "workers"])? })
    }
}

/// A CPI call that has begun and not ended; that of a killed process stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Call {
    /// `create_vm`, …
    pub(super) method: String,
    /// The task that made it.
    pub(super) task: Option<u64>,
    /// `web/<uuid>`; empty: none.
    pub(super) instance: String,
    /// The address of the VM that it is about.
    pub(super) ip: Option<Ipv4Addr>,
    /// Its zone; empty: none.
    pub(super) az: String,
    /// Its process, as the container counts.
    pub(super) pid: u32,
    pub(super) begun_ms: i64,
}

/// The IaaS's VMs, by cid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct IaasVms(pub(super) BTreeMap<String, Vm>);

/// A VM as the IaaS has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Vm {
    /// Whose it is.
    pub(super) deployment: String,
    /// `web/<uuid>`
    pub(super) instance: String,
    pub(super) ip: Option<Ipv4Addr>,
    _az: String,
}

/// The VMs that the director knows, by cid.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct SqlVms(pub(super) BTreeMap<String, IgnoredAny>);

/// A subnet of the cloud-config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subnet {
    /// Its zone.
    pub(super) az: String,
    /// Its range.
    pub(super) range: Ipv4Net,
}

impl Subnet {
    fn new(az: &str, range: &str) -> Result<Self, String> {
        let range: Ipv4Net = range.parse().map_err(|_| format!("the subnet of {az} is no range: {range}"))?;
        Ok(Self { az: az.into(), range: range.trunc() })
    }

    /// Whether the address is in it.
    pub(super) fn contains(&self, ip: Ipv4Addr) -> bool {
        self.range.contains(&ip)
    }
}

/// The director's intervals and its cloud-config's subnets.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Values")]
pub(super) struct Config {
    intervals: Intervals,
    pub(super) subnets: Vec<Subnet>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Intervals {
    renew_ms: u64,
    checkpoint_ms: u64,
    scale: f64,
}

impl Config {
    /// So many seconds of production as they pass here.
    pub(super) fn production(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.intervals.scale)
    }

    /// Within so long a task that lives renews its lock and writes a checkpoint.
    pub(super) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.intervals.renew_ms + self.intervals.checkpoint_ms)
    }

    /// The subnet of an address: its zone's, where ranges of several zones overlap.
    pub(super) fn subnet(&self, az: &str, ip: Ipv4Addr) -> Option<&Subnet> {
        let fits = || self.subnets.iter().filter(|subnet| subnet.contains(ip));
        fits().find(|subnet| subnet.az == az).or_else(|| fits().next())
    }
}

impl TryFrom<Values> for Config {
    type Error = String;

    fn try_from(values: Values) -> Result<Self, String> {
        let intervals: Intervals = read_but(&values, &[])?;
        if !(intervals.scale > 0.0 && intervals.scale <= 1_000.0) {
            return Err(format!("its scale is no factor: {}", intervals.scale));
        }
        let ranges = values.iter().filter_map(|(name, ranges)| Some((name.strip_prefix("subnet:")?, ranges)));
        let subnets = ranges.flat_map(|(az, ranges)| ranges.split_whitespace().map(|range| Subnet::new(az, range)));
        Ok(Self { subnets: subnets.collect::<Result<_, _>>()?, intervals })
    }
}

#[cfg(test)]
mod tests {
    use reenact::detect::testing::values;

    use super::*;

    fn read<T: DeserializeOwned>(said: &[(&str, &str)]) -> T {
        values(said.iter().copied()).read().expect("complete")
    }

    #[test]
    fn each_answer_is_read_as_the_contract_says() {
        let locks: Locks = read(&[("now_ms", "9"), ("lock:deployment:paasta", "u1|100|250")]);
        let row = &locks.rows["lock:deployment:paasta"];
        assert_eq!((locks.now_ms, row.uid.as_str(), row.task_id.as_str(), row.expired_ms), (9, "u1", "100", 250));
        let tasks: Tasks = read(&[("now_ms", "9"), ("100", "queued|update_deployment|paasta|||a|b")]);
        let task = &tasks.rows[&100];
        assert_eq!((task.checkpoint_ms, task._description.as_str(), task.is_open()), (None, "a|b", true));
        let lost = "lost|lock|lock:deployment:paasta|100|paasta|Lock renewal thread exiting";
        assert_eq!(read::<Events>(&[("7", lost)]).0[&7].task, Some(100));
        let jobs: Jobs = read(&[("now_ms", "9"), ("3", "normal||5|100"), ("workers", "worker_1 worker_2")]);
        assert_eq!((jobs.workers.len(), jobs.rows[&3].run_at_ms, jobs.rows[&3].task), (2, 5, Some(100)));
        let calls: Inflight = read(&[("now_ms", "9"), ("cpi-1", "create_vm|100|web/u|10.0.3.4|z3|77|5")]);
        assert_eq!(calls.rows["cpi-1"].pid, 77);
        assert_eq!(read::<IaasVms>(&[("vm-1", "paasta|web/u|10.0.3.4|z3")]).0["vm-1"].instance, "web/u");
        assert!(read::<SqlVms>(&[("vm-1", "web/u|10.0.3.4")]).0.contains_key("vm-1"));
    }

    #[test]
    fn half_an_answer_is_none() {
        for (said, why) in [
            (&[][..], "missing field `now_ms`"),
            (&[("now_ms", "x")], "now_ms: invalid digit found in string: x"),
            (
                &[("now_ms", "9"), ("lock:a", "u|1")],
                "lock:a: invalid length 2, expected struct LockRow with 3 elements: u|1",
            ),
        ] {
            assert_eq!(values(said.iter().copied()).read::<Locks>().expect_err("half"), why);
        }
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let subnet = Subnet::new("z3", "10.0.3.7/24").expect("a range");
        assert!(subnet.contains(Ipv4Addr::new(10, 0, 3, 255)));
        assert!(!subnet.contains(Ipv4Addr::new(10, 0, 4, 0)));
        assert!(Subnet::new("z", "0.0.0.0/0").expect("all").contains(Ipv4Addr::new(9, 9, 9, 9)));
        for wrong in ["10.0.3.0", "10.0.3/24", "10.0.3.0/33"] {
            assert!(Subnet::new("z", wrong).is_err(), "{wrong}");
        }
    }
}
