//! The probes' answers, read: what each holds is said in the contract (`detectors`).

use std::{collections::BTreeMap, net::Ipv4Addr, str::FromStr, time::Duration};

use reenact::probe::Answer;

type Values = BTreeMap<String, String>;

/// An answer that can be read.
pub trait Read: Sized {
    /// What was asked.
    const OF: &'static str;

    /// Reads its values.
    ///
    /// # Errors
    /// If they are not what the contract says: why.
    fn read(values: &Values) -> Result<Self, String>;

    /// Reads an answer.
    ///
    /// # Errors
    /// If it is none, or not one to this question: why.
    fn of(answer: &Answer) -> Result<Self, String> {
        match answer {
            Answer::Values { values } => Self::read(values).map_err(|why| format!("{}: {why}", Self::OF)),
            Answer::Error { code, text } => Err(format!("{} failed: {code} ({text})", Self::OF)),
            Answer::Refused => Err(format!("{} is refused", Self::OF)),
            Answer::Hung { during } => Err(format!("{} hangs in the {during}", Self::OF)),
        }
    }
}

/// A row of `locks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRow {
    /// The holder's own mark.
    pub uid: String,
    /// The task that inserted the row: after a takeover the wrong one.
    pub task_id: String,
    /// From when on it is no lock any more.
    pub expired_ms: i64,
}

/// `locks`, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locks {
    /// When, by the director's clock.
    pub now_ms: i64,
    /// The rows, expired ones too.
    pub rows: BTreeMap<String, LockRow>,
}

impl Read for Locks {
    const OF: &'static str = "sql:locks";

    fn read(values: &Values) -> Result<Self, String> {
        let mut rows = BTreeMap::new();
        for (name, value) in values.iter().filter(|(name, _)| name.starts_with("lock:")) {
            let [uid, task_id, expired] = fields(name, value)?;
            let expired_ms = number(name, expired)?;
            rows.insert(name.clone(), LockRow { uid: uid.into(), task_id: task_id.into(), expired_ms });
        }
        Ok(Self { now_ms: now_ms(values)?, rows })
    }
}

/// A row of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// `processing`, `cancelling`, …
    pub state: String,
    /// Whose deployment it works on; empty: none's.
    pub deployment: String,
    /// When its checkpoint thread last wrote.
    pub checkpoint_ms: Option<i64>,
    /// `create deployment`
    pub description: String,
}

impl Task {
    /// Whether it may still become something else by its own doing; `timeout` may.
    pub fn is_open(&self) -> bool {
        !matches!(self.state.as_str(), "done" | "error" | "cancelled")
    }
}

/// The last rows of `tasks`, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tasks {
    /// When, by the director's clock.
    pub now_ms: i64,
    /// The rows.
    pub rows: BTreeMap<u64, Task>,
}

impl Read for Tasks {
    const OF: &'static str = "sql:tasks";

    fn read(values: &Values) -> Result<Self, String> {
        let mut rows = BTreeMap::new();
        for (id, value) in numbered(values) {
            let [state, _kind, deployment, checkpoint, _started, description] = fields(id, value)?;
            let checkpoint_ms = optional(id, checkpoint)?;
            let (state, deployment, description) = (state.into(), deployment.into(), description.into());
            rows.insert(number(id, id)?, Task { state, deployment, checkpoint_ms, description });
        }
        Ok(Self { now_ms: now_ms(values)?, rows })
    }
}

/// A row of `events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `acquire`, `lost`, `release`, `create`, …
    pub action: String,
    /// `lock`, `vm`, …
    pub object_type: String,
    /// Which one.
    pub object_name: String,
    /// Whose doing it is, where it is a task's.
    pub task: Option<u64>,
}

/// The newest rows of `events`, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events(pub BTreeMap<u64, Event>);

impl Read for Events {
    const OF: &'static str = "sql:events";

    fn read(values: &Values) -> Result<Self, String> {
        let mut rows = BTreeMap::new();
        for (id, value) in numbered(values) {
            let [action, object_type, object_name, task, _deployment, _error] = fields(id, value)?;
            let task = optional(id, task)?;
            let (action, object_type, object_name) = (action.into(), object_type.into(), object_name.into());
            rows.insert(number(id, id)?, Event { action, object_type, object_name, task });
        }
        Ok(Self(rows))
    }
}

/// A row of `delayed_jobs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The worker that has it; empty: none.
    pub locked_by: String,
    /// From when on it may be taken.
    pub run_at_ms: i64,
}

/// `delayed_jobs`, and who should work them off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    /// When, by the director's clock.
    pub now_ms: i64,
    /// The rows, by id.
    pub rows: BTreeMap<u64, Queued>,
    /// The workers' names.
    pub workers: Vec<String>,
}

impl Read for Jobs {
    const OF: &'static str = "sql:jobs";

    fn read(values: &Values) -> Result<Self, String> {
        let mut rows = BTreeMap::new();
        for (id, value) in numbered(values) {
            let [_queue, locked_by, run_at] = fields(id, value)?;
            let run_at_ms = number(id, run_at)?;
            rows.insert(number(id, id)?, Queued { locked_by: locked_by.into(), run_at_ms });
        }
        let workers = values.get("workers").ok_or("it lacks the workers")?;
        let workers = workers.split_whitespace().map(str::to_owned).collect();
        Ok(Self { now_ms: now_ms(values)?, rows, workers })
    }
}

/// A CPI call that has begun and not ended; that of a killed process stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `create_vm`, …
    pub method: String,
    /// The task that made it.
    pub task: Option<u64>,
    /// `web/<uuid>`; empty: none.
    pub instance: String,
    /// The address of the VM that it is about.
    pub ip: Option<Ipv4Addr>,
    /// Its zone; empty: none.
    pub az: String,
    /// Its process, as the container counts.
    pub pid: u32,
    /// When it began.
    pub begun_ms: i64,
}

/// The calls in flight, by their request ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inflight {
    /// When, by the director's clock.
    pub now_ms: i64,
    /// The calls.
    pub calls: BTreeMap<String, Call>,
}

impl Read for Inflight {
    const OF: &'static str = "iaas:inflight";

    fn read(values: &Values) -> Result<Self, String> {
        let mut calls = BTreeMap::new();
        for (id, value) in values.iter().filter(|(name, _)| *name != "now_ms") {
            let [method, task, instance, ip, az, pid, begun] = fields(id, value)?;
            let call = Call {
                method: method.into(),
                task: optional(id, task)?,
                instance: instance.into(),
                ip: optional(id, ip)?,
                az: az.into(),
                pid: number(id, pid)?,
                begun_ms: number(id, begun)?,
            };
            calls.insert(id.clone(), call);
        }
        Ok(Self { now_ms: now_ms(values)?, calls })
    }
}

/// A VM as the IaaS has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// Whose it is.
    pub deployment: String,
    /// `web/<uuid>`
    pub instance: String,
    /// Its address.
    pub ip: Option<Ipv4Addr>,
}

/// The IaaS's VMs, by cid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IaasVms(pub BTreeMap<String, Vm>);

impl Read for IaasVms {
    const OF: &'static str = "iaas:vms";

    fn read(values: &Values) -> Result<Self, String> {
        let mut vms = BTreeMap::new();
        for (cid, value) in values {
            let [deployment, instance, ip, _az] = fields(cid, value)?;
            let ip = optional(cid, ip)?;
            vms.insert(cid.clone(), Vm { deployment: deployment.into(), instance: instance.into(), ip });
        }
        Ok(Self(vms))
    }
}

/// The cids that the director knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlVms(pub Vec<String>);

impl Read for SqlVms {
    const OF: &'static str = "sql:vms";

    fn read(values: &Values) -> Result<Self, String> {
        Ok(Self(values.keys().cloned().collect()))
    }
}

/// A subnet of the cloud-config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its zone.
    pub az: String,
    /// Its range, as it is written.
    pub range: String,
    network: u32,
    mask: u32,
}

impl Subnet {
    fn new(az: &str, range: &str) -> Result<Self, String> {
        let wrong = || format!("the subnet of {az} is no range: {range}");
        let (network, length) = range.split_once('/').ok_or_else(wrong)?;
        let network: Ipv4Addr = network.parse().map_err(|_| wrong())?;
        let length: u32 = length.parse().ok().filter(|length| *length <= 32).ok_or_else(wrong)?;
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        Ok(Self { az: az.into(), range: range.into(), network: u32::from(network) & mask, mask })
    }

    /// Whether the address is in it.
    pub fn contains(&self, ip: Ipv4Addr) -> bool {
        u32::from(ip) & self.mask == self.network
    }
}

/// The director's intervals and its cloud-config's subnets.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Between two renewals of a lock.
    pub renew: Duration,
    /// Between two checkpoints.
    pub checkpoint: Duration,
    /// The cloud-config's subnets.
    pub subnets: Vec<Subnet>,
    scale: f64,
}

impl Config {
    /// So many seconds of production as they pass here.
    pub fn production(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.scale)
    }

    /// The subnet of an address: its zone's, where ranges of several zones overlap.
    pub fn subnet(&self, az: &str, ip: Ipv4Addr) -> Option<&Subnet> {
        let fits = || self.subnets.iter().filter(|subnet| subnet.contains(ip));
        fits().find(|subnet| subnet.az == az).or_else(|| fits().next())
    }
}

impl Read for Config {
    const OF: &'static str = "director:config";

    fn read(values: &Values) -> Result<Self, String> {
        let value = |name: &str| values.get(name).ok_or_else(|| format!("it lacks {name}"));
        let milliseconds = |name: &str| Ok::<_, String>(Duration::from_millis(number(name, value(name)?)?));
        let scale: f64 = number("scale", value("scale")?)?;
        if !(scale > 0.0 && scale <= 1_000.0) {
            return Err(format!("its scale is no factor: {scale}"));
        }
        let mut subnets = Vec::new();
        for (name, ranges) in values {
            let Some(az) = name.strip_prefix("subnet:") else { continue };
            for range in ranges.split_whitespace() {
                subnets.push(Subnet::new(az, range)?);
            }
        }
        Ok(Self { renew: milliseconds("renew_ms")?, checkpoint: milliseconds("checkpoint_ms")?, subnets, scale })
    }
}

/// The entries whose names are ids.
fn numbered(values: &Values) -> impl Iterator<Item = (&str, &str)> {
    let is_id = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    values.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(move |(name, _)| is_id(name))
}

/// The fields of an entry; the last one may hold what divides them.
fn fields<'v, const N: usize>(name: &str, value: &'v str) -> Result<[&'v str; N], String> {
    let fields: Vec<_> = value.splitn(N, '|').collect();
    fields.try_into().map_err(|_| format!("{name} has not {N} fields: {value}"))
}

fn now_ms(values: &Values) -> Result<i64, String> {
    number("now_ms", values.get("now_ms").ok_or("it lacks now_ms")?)
}

fn number<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} cannot be read: {text}"))
}

/// A field that may be empty, as where the column is null.
fn optional<T: FromStr>(name: &str, text: &str) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { number(name, text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(said: &[(&str, &str)]) -> Values {
        said.iter().map(|&(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn each_answer_is_read_as_the_contract_says() {
        let locks = values(&[("now_ms", "9"), ("lock:deployment:paasta", "u1|100|250")]);
        let row = &Locks::read(&locks).expect("complete").rows["lock:deployment:paasta"];
        assert_eq!((row.uid.as_str(), row.task_id.as_str(), row.expired_ms), ("u1", "100", 250));
        let tasks = values(&[("now_ms", "9"), ("100", "queued|update_deployment|paasta|||a|b")]);
        let task = &Tasks::read(&tasks).expect("complete").rows[&100];
        assert_eq!((task.checkpoint_ms, task.description.as_str(), task.is_open()), (None, "a|b", true));
        let events = values(&[("7", "lost|lock|lock:deployment:paasta|100|paasta|Lock renewal thread exiting")]);
        assert_eq!(Events::read(&events).expect("complete").0[&7].task, Some(100));
        let jobs = values(&[("now_ms", "9"), ("3", "normal||5"), ("workers", "worker_1 worker_2")]);
        assert_eq!(Jobs::read(&jobs).expect("complete").workers, ["worker_1", "worker_2"]);
        let calls = values(&[("now_ms", "9"), ("cpi-1", "create_vm|100|web/u|10.0.3.4|z3|77|5")]);
        assert_eq!(Inflight::read(&calls).expect("complete").calls["cpi-1"].pid, 77);
        let vms = values(&[("vm-1", "paasta|web/u|10.0.3.4|z3")]);
        assert_eq!(IaasVms::read(&vms).expect("complete").0["vm-1"].instance, "web/u");
    }

    #[test]
    fn half_an_answer_is_none() {
        for (said, why) in [
            (values(&[]), "it lacks now_ms"),
            (values(&[("now_ms", "x")]), "now_ms cannot be read: x"),
            (values(&[("now_ms", "9"), ("lock:a", "u|1")]), "lock:a has not 3 fields: u|1"),
        ] {
            assert_eq!(Locks::read(&said).expect_err("half"), why);
        }
        for answer in [Answer::Refused, Answer::Hung { during: "query".into() }] {
            assert!(Tasks::of(&answer).is_err());
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
