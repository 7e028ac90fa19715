//! The director's side of talking to an agent over NATS: here, asking the fake IaaS whether the VM's agent answers. What
//! an agent begins and is asked after, a drain, is a process of its own: see [`script`](super::script).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cpi::iaas::{Iaas, VmRecord};
use super::error::{Error, Kind, Result};
use super::job::Job;
use super::script::Script;
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

    /// The same, once.
    ///
    /// # Errors
    /// `RpcTimeout`, or the IaaS's.
    pub async fn get_state_once(&self, limit: Duration) -> Result<VmRecord> {
        self.send("get_state", json!([]), limit).await
    }

    /// Whether it answers a ping within the time of any message.
    ///
    /// # Errors
    /// The IaaS's.
    pub async fn answers(&self) -> Result<bool> {
        match self.send("ping", json!([]), self.job.config.intervals.agent_message()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::RpcTimeout => Ok(false),
            Err(error) => Err(error),
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

    /// Stops its jobs, as a director of 2026 does: pre-stop, drain, stop, post-stop. `intent` is `shutdown` where the
    /// VM is to go or to stay stopped, else `update`.
    ///
    /// # Errors
    /// `TaskCancelled` in the drain, `RpcTimeout`, what the scripts end with, or the IaaS's.
    pub async fn stop_jobs(&self, intent: &str) -> Result<()> {
        self.job.log.info(format!("Running pre-stop for {}", self.instance));
        self.tell("run_script").await?;
        self.job.log.info(format!("Running drain for {}", self.instance));
        self.drain(intent).await?;
        self.job.log.info(format!("Stopping instance {}", self.instance));
        self.set_jobs("stopped").await?;
        self.tell("run_script").await
    }

    /// Has the drain script run, and asks for its end each second, for as long as that takes. Between two polls it is
    /// noticed that the task was cancelled; then the script is ended \[S\].
    async fn drain(&self, intent: &str) -> Result<()> {
        let intervals = self.job.config.intervals;
        let task = uuid::Uuid::new_v4().to_string();
        let runs = json!({"value": {"agent_task_id": task, "state": "running"}});
        self.exchange("drain", json!([intent, {}]), intervals.agent_message(), |_| runs.clone()).await?;
        let mut script = Script::drain(self.job, &self.id)?;
        loop {
            let end = script.end()?;
            let answer = match end {
                None => runs.clone(),
                Some(true) => json!({"value": 0}),
                Some(false) => json!({"exception": {"message": failed(&task)}}),
            };
            self.exchange("get_task", json!([task]), intervals.agent_message(), |_| answer.clone()).await?;
            match end {
                None => {}
                Some(true) => return Ok(()),
                Some(false) => return Err(Error::agent(failed(&task))),
            }
            if let Err(error) = self.job.checkpoint().await {
                self.exchange(
                    "cancel_task",
                    json!([task]),
                    intervals.agent_message(),
                    |_| json!({"value": "canceled"}),
                )
                .await?;
                script.cancel().await;
                return Err(error);
            }
            tokio::time::sleep(intervals.agent_ping()).await;
        }
    }

    /// `bosh ssh`: what the agent says of the session that it has set up, or taken down.
    ///
    /// # Errors
    /// `RpcTimeout`, or the IaaS's.
    pub async fn ssh(&self, command: &str, params: &Value) -> Result<Value> {
        let limit = self.job.config.intervals.agent_message();
        let answer = |vm: &VmRecord| {
            let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
            json!({"value": {"command": command, "status": "success", "ip": vm.ip, "host_public_key": key}})
        };
        let vm = self.exchange("ssh", json!([command, params]), limit, answer).await?;
        Ok(answer(&vm)["value"].take())
    }

    /// Any message that only needs an answer.
    ///
    /// # Errors
    /// `RpcTimeout`, or the IaaS's.
    pub async fn tell(&self, method: &str) -> Result<()> {
        self.send(method, json!([]), self.job.config.intervals.agent_message()).await.map(drop)
    }

    async fn send(&self, method: &str, arguments: Value, limit: Duration) -> Result<VmRecord> {
        let answer = |vm: &VmRecord| match method {
            "ping" => json!({"value": "pong"}),
            _ => json!({"value": {"job_state": vm.job_state}}),
        };
        self.exchange(method, arguments, limit, answer).await
    }

    async fn exchange(
        &self,
        method: &str,
        arguments: Value,
        limit: Duration,
        answer: impl Fn(&VmRecord) -> Value,
    ) -> Result<VmRecord> {
        let reply = format!("director.{}.{}.{}", super::config::UUID, self.id, uuid::Uuid::new_v4());
        let message = json!({"protocol": 3, "method": method, "arguments": arguments, "reply_to": reply});
        self.job.log.debug(format!("SENT: agent.{} {message}", self.id));
        let begun = Instant::now();
        let nap = (limit / 10).clamp(Duration::from_millis(2), Duration::from_millis(50));
        loop {
            if let Some(vm) = self.iaas.answering(&self.id)? {
                // What listens to answers is a thread without a name.
                self.job.log.in_thread("").debug(format!("RECEIVED: {reply} {}", answer(&vm)));
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

/// An agent's words for a drain script that ended otherwise than with 0.
fn failed(task: &str) -> String {
    format!("Action Failed get_task: Task {task} result: 1 of 1 drain scripts failed. Failed Jobs: drain.")
}
