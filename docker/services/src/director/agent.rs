//! The director's side of talking to an agent over NATS: here, asking the fake IaaS whether the VM's agent answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cpi::iaas::{Iaas, VmRecord};
use super::error::{Error, Kind, Result};
use super::jobs::Job;
use super::store::instances::{Instance, Vm};

/// An agent, spoken to for one instance.
#[derive(Debug, Clone)]
pub struct Agent<'a> {
    job: &'a Job,
    iaas: Iaas,
    id: String,
    cid: String,
    instance: String,
}

/// How often `get_state` is tried: once, and twice again \[S\].
const GET_STATE_TRIES: u32 = 3;

impl<'a> Agent<'a> {
    /// The agent in `vm`.
    ///
    /// # Errors
    /// When the fake IaaS's directory can't be opened.
    pub fn of(job: &'a Job, instance: &Instance, vm: &Vm) -> Result<Self> {
        let iaas = Iaas::open(&job.config.options.iaas)?;
        Ok(Self { job, iaas, id: vm.agent_id.clone(), cid: vm.cid.clone(), instance: instance.name() })
    }

    /// Pings it until it answers, for 600 s. Each ping looks first whether the task was cancelled, so that a cancel is
    /// noticed within a ping: 1.6 s \[M\].
    ///
    /// # Errors
    /// `TaskCancelled`, `RpcTimeout`, or the database's.
    pub async fn wait_until_ready(&self) -> Result<()> {
        let intervals = self.job.config.intervals;
        let begun = Instant::now();
        loop {
            if let Err(error) = self.job.checkpoint().await {
                if error.kind == Kind::Cancelled {
                    self.job.log.debug("Task was cancelled. Stop waiting response from vm");
                }
                return Err(error);
            }
            match self.send("ping", json!([]), intervals.agent_ping()).await {
                Err(error) if error.kind == Kind::RpcTimeout && begun.elapsed() < intervals.agent_wait() => {}
                Err(error) if error.kind == Kind::RpcTimeout => {
                    let told =
                        format!("Timed out pinging VM '{}' with agent '{}' after 600 seconds", self.cid, self.id);
                    return Err(Error::rpc(told));
                }
                answered => return answered.map(drop),
            }
        }
    }

    /// Asks for its state: 45 s, three times, without looking whether the task was cancelled \[S\].
    ///
    /// # Errors
    /// `RpcTimeout`, or the IaaS's.
    pub async fn get_state(&self, limit: Duration) -> Result<VmRecord> {
        let mut tries = 1;
        loop {
            match self.send("get_state", json!(["full"]), limit).await {
                Err(error) if error.kind == Kind::RpcTimeout && tries < GET_STATE_TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    /// Tells it to bring its jobs to `state`: `running` or `stopped`.
    ///
    /// # Errors
    /// `RpcTimeout`, or the IaaS's.
    pub async fn set_jobs(&self, state: &str) -> Result<()> {
        let method = if state == "running" { "start" } else { "stop" };
        let mut vm = self.send(method, json!([]), self.job.config.intervals.agent_message()).await?;
        state.clone_into(&mut vm.job_state);
        self.iaas.put_vm(&vm)
    }

    /// Any message that only needs an answer.
    ///
    /// # Errors
    /// `RpcTimeout`, or the IaaS's.
    pub async fn tell(&self, method: &str) -> Result<()> {
        self.send(method, json!([]), self.job.config.intervals.agent_message()).await.map(drop)
    }

    async fn send(&self, method: &str, arguments: Value, limit: Duration) -> Result<VmRecord> {
        let reply = format!("director.{}.{}", super::config::UUID, uuid::Uuid::new_v4());
        let message = json!({"protocol": 3, "method": method, "arguments": arguments, "reply_to": reply});
        self.job.log.debug(format!("SENT: agent.{} {message}", self.id));
        let begun = Instant::now();
        let nap = (limit / 10).clamp(Duration::from_millis(2), Duration::from_millis(50));
        loop {
            if let Some(vm) = self.iaas.answering(&self.id)? {
                let value = if method == "ping" { json!("pong") } else { json!({"job_state": vm.job_state}) };
                self.job.log.debug(format!("RECEIVED: {reply} {}", json!({"value": value})));
                return Ok(vm);
            }
            if begun.elapsed() >= limit {
                let (instance, id, seconds) = (&self.instance, &self.id, limit.as_secs_f64() / self.scale());
                return Err(Error::rpc(format!(
                    "Timed out sending '{method}' to instance: '{instance}', agent-id: '{id}' after {seconds:.0} seconds"
                )));
            }
            tokio::time::sleep(nap.min(limit)).await;
        }
    }

    fn scale(&self) -> f64 {
        self.job.config.intervals.factor()
    }
}
