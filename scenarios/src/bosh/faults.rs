//! What goes wrong with a director, its network, its database and its workers. Beside
//! these: the engine's `PowerOff`, `PowerOn` and `Pause` of [`super::DIRECTOR`].

mod outage;
mod processes;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Kill, OnTestbed, Signal, Undo},
    runbook::Output,
    testbed::{Process, Testbed},
};
use serde_json::{Value, json};

use super::{DIRECTOR, Director, api::Api, db::Database, iaas::Iaas, manifest, probes};

pub(super) use self::{
    outage::DatabaseAway,
    processes::{WorkerAndJobKilled, calls_lost},
};

/// The report's mistake: the cloud-config's subnet of z3 is one that cannot be reached.
/// Nothing takes it back: to correct the cloud-config is the operator's business.
#[derive(Clone)]
pub(super) struct WrongSubnet {
    api: Api,
    database: Database,
    iaas: Iaas,
}

/// The IaaS behaves otherwise: a network that fails, a CPI that retries, errs or is slow.
/// When it is healed, calls that hang go on.
#[derive(Clone)]
pub(super) struct IaasBehaves {
    what: &'static str,
    iaas: Iaas,
    /// From how it behaves now to how it is to.
    change: fn(&mut Value),
}

/// A lock's row is deleted, as the report's first fix does, under whoever holds it.
#[derive(Debug, Clone)]
pub(super) struct LockStolen {
    lock: &'static str,
    database: Database,
    /// The holder's mark at the time.
    stolen: Arc<OnceLock<String>>,
}

/// A worker runs with a clock that is ahead of the others', for its process only.
#[derive(Debug, Clone)]
pub(super) struct ClockSkewed {
    worker: String,
    /// By how many seconds of production; negative: behind.
    seconds: i64,
}

impl WrongSubnet {
    pub(super) fn of(director: &Director) -> Self {
        Self { api: director.api.clone(), database: director.database.clone(), iaas: director.iaas.clone() }
    }
}

impl IaasBehaves {
    /// z3's network fails: calls into it hang, and the agents in it fall silent.
    pub(super) fn subnet_unreachable(director: &Director) -> Self {
        Self::new("z3's network is unreachable", director, |behaviour| {
            let z3 = manifest::SUBNETS[2].1;
            if let Some(reachable) = behaviour["reachable"].as_array_mut() {
                reachable.retain(|range| range != z3);
            }
        })
    }

    /// Every `create_vm` in z3 fails after 1.5 s in a way that the director retries: five
    /// times in all.
    pub(super) fn cpi_retries(director: &Director) -> Self {
        Self::new("create_vm in z3 fails and is retried", director, |behaviour| {
            behaviour["rules"] = json!([{"method": "create_vm", "az": "z3", "do": "retry", "ms": 1500}]);
        })
    }

    /// Every `create_vm` takes five seconds and succeeds.
    pub(super) fn slow(director: &Director) -> Self {
        Self::new("create_vm takes five seconds", director, |behaviour| {
            behaviour["rules"] = json!([{"method": "create_vm", "az": "z3", "do": "ok", "ms": 5000}]);
        })
    }

    /// Any other change of `behaviour.json` (see `cpi/behaviour.rs`).
    pub(super) fn new(what: &'static str, director: &Director, change: fn(&mut Value)) -> Self {
        Self { what, iaas: director.iaas.clone(), change }
    }
}

impl LockStolen {
    pub(super) fn new(director: &Director, lock: &'static str) -> Self {
        Self { lock, database: director.database.clone(), stolen: Arc::default() }
    }
}

impl ClockSkewed {
    pub(super) fn new(worker: &str, seconds: i64) -> Self {
        Self { worker: worker.into(), seconds }
    }
}

/// A task's own process is frozen, with its renewals and checkpoints; its CPI calls go on.
/// It is thawed when that is healed.
pub(super) fn job_suspended(task: u64) -> Kill {
    let process = format!("director run-job --task {task} ");
    Kill { node: DIRECTOR.into(), process, signal: Signal::Stop }
}

/// A worker's process, of which there is one or none.
async fn worker(bed: &Testbed, name: &str) -> Result<Option<Process>> {
    let words = format!("director worker --name {name} ");
    let all = bed.node(DIRECTOR)?.processes().await?;
    Ok(all.into_iter().find(|process| format!("{} ", process.command).contains(&words)))
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for WrongSubnet {
    async fn inject(&self, _: &S) -> Result<Undo> {
        self.api.update_cloud_config(&manifest::wrong_cloud_config()).await?;
        Ok(Undo::none())
    }

    /// A subnet of the cloud-config is none that the IaaS reaches.
    async fn effect(&self, _: &S) -> Result<Effect> {
        let behaviour = self.iaas.behaviour().await?;
        let reaches =
            |range: &str| behaviour["reachable"].as_array().is_some_and(|all| all.iter().any(|one| one == range));
        let subnets = probes::subnets(&self.database.cloud_config().await?);
        let lost: Vec<_> = subnets.iter().filter(|(_, range)| !reaches(range)).collect();
        Ok(Effect::new(!lost.is_empty(), format!("subnets that the IaaS does not reach: {lost:?}")))
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for IaasBehaves {
    async fn inject(&self, _: &S) -> Result<Undo> {
        let before = self.iaas.behaviour().await?;
        let mut after = before.clone();
        (self.change)(&mut after);
        self.iaas.behave(&after).await?;
        let iaas = self.iaas.clone();
        Ok(Undo::by(async move { iaas.behave(&before).await }))
    }

    async fn effect(&self, _: &S) -> Result<Effect> {
        let now = self.iaas.behaviour().await?;
        let mut changed = now.clone();
        (self.change)(&mut changed);
        Ok(Effect::new(now == changed, format!("the IaaS behaves as {now}")))
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for LockStolen {
    async fn inject(&self, _: &S) -> Result<Undo> {
        let Some(row) = self.database.lock(self.lock).await? else {
            return Err(Error::inconclusive(format!("there is no {}", self.lock)));
        };
        let _ = self.stolen.set(row.uid.clone());
        let sql = format!("DELETE FROM locks WHERE name = '{}' AND uid = '{}'", self.lock, row.uid);
        self.database.rows(&sql).await?;
        Ok(Undo::none())
    }

    async fn effect(&self, _: &S) -> Result<Effect> {
        let uid = self.database.lock(self.lock).await?.map(|row| row.uid);
        let stolen = self.stolen.get();
        Ok(Effect::new(stolen.is_some() && uid.as_ref() != stolen, format!("{}: now {uid:?}", self.lock)))
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for ClockSkewed {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let (name, seconds) = (&self.worker, self.seconds);
        let node = bed.node(DIRECTOR)?;
        let file = node.reach(&format!("/var/vcap/jobs/director/skew.{name}")).await?;
        let restart = |script: String| {
            let (bed, node, name) = (bed.clone(), node.clone(), name.clone());
            async move {
                bed.shell().must(&script).await?;
                // Its start program goes by the file.
                let Output { code, text } = node.exec(&["monit", "restart", &name]).await?;
                let failed = || Error::inconclusive(format!("monit restart {name} ended with {code}: {text}"));
                if code == 0 { Ok(()) } else { Err(failed()) }
            }
        };
        restart(format!("echo {seconds} >{file}")).await?;
        Ok(Undo::by(restart(format!("rm -f {file}"))))
    }

    /// What the worker was started with.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let Some(process) = worker(bed, &self.worker).await? else {
            return Ok(Effect::new(false, format!("{} does not run", self.worker)));
        };
        let script = format!("tr '\\0' '\\n' </proc/{}/environ | grep CLOCK_SKEW", process.pid);
        let (_, said) = bed.shell().run(&script).await?;
        let wanted = format!("DIRECTOR_CLOCK_SKEW={}", self.seconds);
        Ok(Effect::new(said.trim() == wanted, format!("{} runs with {:?}", self.worker, said.trim())))
    }
}

macro_rules! told_as {
    ($fault:ident: $self:ident, $to:ident => $told:expr) => {
        impl fmt::Display for $fault {
            fn fmt(&$self, $to: &mut fmt::Formatter<'_>) -> fmt::Result {
                $told
            }
        }
    };
}

told_as! { WrongSubnet: self, f => f.write_str("the cloud-config has z3 in a subnet that cannot be reached") }
told_as! { IaasBehaves: self, f => f.write_str(self.what) }
told_as! { LockStolen: self, f => write!(f, "the row of {} is deleted", self.lock) }
told_as! { ClockSkewed: self, f => write!(f, "{}'s clock is {} s of production ahead", self.worker, self.seconds) }

impl fmt::Debug for WrongSubnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for IaasBehaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
