//! A script that an agent runs on its VM: a process, which may hang as a `bin/drain` may.
//!
//! It stands on the director's machine and is the agent's, not the director's: it outlives the task that waits for it.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Child;

use super::cpi::behaviour::{Act, Subject};
use super::cpi::iaas::{Iaas, VmRecord, pause};
use super::error::{During as _, Error, Result};
use super::job::Job;

/// What the process is told.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The agent whose jobs it drains.
    #[arg(long)]
    pub agent: String,
    /// Their instance, for those who list processes.
    #[arg(long, default_value = "")]
    pub instance: String,
    /// The fake IaaS's directory.
    #[arg(long, env = "DIRECTOR_IAAS", default_value = "/var/vcap/store/iaas")]
    pub iaas: PathBuf,
}

/// Drains: takes its time, fails or never ends, as the IaaS's behaviour says of `drain` when it begins.
///
/// # Errors
/// When it is to fail, or the IaaS's directory cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let iaas = Iaas::open(&options.iaas)?;
    let vm = iaas.vms()?.into_iter().find(|vm| vm.agent_id == options.agent);
    let subject = vm.as_ref().map(VmRecord::subject).unwrap_or_else(Subject::default);
    let decision = iaas.behaviour()?.decide("drain", &subject);
    match decision.act {
        // Only who ends it ends it, whatever the behaviour is meanwhile.
        Act::Hang => loop {
            pause(1_000);
        },
        Act::Ok => pause(decision.ms),
        Act::Retry | Act::Error => return Err(Error::internal(decision.message)),
    }
    Ok(())
}

/// A script that was begun.
#[derive(Debug)]
pub struct Script(Child);

impl Script {
    /// Begins the drain of an agent's jobs.
    ///
    /// # Errors
    /// When no process can be made.
    pub fn drain(job: &Job, agent: &str) -> Result<Self> {
        let told = || format!("cannot start the drain of agent {agent}");
        let program = std::env::current_exe().during(told)?;
        let iaas = Iaas::open(&job.config.options.iaas)?;
        let vm = iaas.vms()?.into_iter().find(|vm| vm.agent_id == agent);
        let instance = vm.and_then(|vm| vm.instance).unwrap_or_default();
        let mut command = tokio::process::Command::new(program);
        command.arg("drain").args(["--agent", agent, "--instance", &instance, "--iaas"]).arg(&job.config.options.iaas);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(false);
        Ok(Self(command.spawn().during(told)?))
    }

    /// Whether it has ended, and well.
    ///
    /// # Errors
    /// When its process cannot be asked for.
    pub fn end(&mut self) -> Result<Option<bool>> {
        let status = self.0.try_wait().during(|| "cannot wait for a drain".to_owned())?;
        Ok(status.map(|status| status.success()))
    }

    /// The agent ends it.
    pub async fn cancel(&mut self) {
        // One that has ended meanwhile is no error.
        let _ = self.0.kill().await;
    }
}
