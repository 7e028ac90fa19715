//! Signals to processes and machines.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::{Process, Testbed};
use reenact_core::{Error, Result};

/// Signals that faults send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Ends a process with no chance to react.
    Kill,
    /// Asks a process to end.
    Term,
    /// As Ctrl-C.
    Int,
    /// As when a terminal goes.
    Hup,
    /// Ends a process and asks for a core dump.
    Quit,
    /// As after a failed assertion.
    Abrt,
    /// As after a bad access to memory.
    Segv,
    /// Freezes a process; `CONT` thaws it.
    Stop,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Hup => "HUP",
            Self::Quit => "QUIT",
            Self::Abrt => "ABRT",
            Self::Segv => "SEGV",
            Self::Stop => "STOP",
        }
    }
}

/// A signal to a process of a node, found by a word in its command line.
///
/// The effect is what the signal is for: the process is gone, or frozen. A process
/// that blocks the signal makes the run inconclusive; to *re-enact* a blocked
/// signal is a runbook's business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// The node.
    pub node: String,
    /// A word of the process's command line, such as `mariadbd`.
    pub process: String,
    /// What is sent.
    pub signal: Signal,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIG{} to {} on {}", self.signal.name(), self.process, self.node)
    }
}

impl Kill {
    async fn targets(&self, bed: &Testbed) -> Result<Vec<Process>> {
        let all = bed.node(&self.node)?.processes().await?;
        Ok(all.into_iter().filter(|process| process.command.contains(&self.process)).collect())
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for Kill {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let pids: Vec<_> = self.targets(bed).await?.iter().map(|process| process.pid.to_string()).collect();
        if pids.is_empty() {
            return Err(Error::inconclusive(format!("no process {} runs on {}", self.process, self.node)));
        }
        let pids = pids.join(" ");
        bed.shell().must(&format!("kill -{} {pids}", self.signal.name())).await?;
        if self.signal != Signal::Stop {
            return Ok(Undo::none());
        }
        let bed = bed.clone();
        // One that has died meanwhile needs no thawing: the effect's end tells.
        Ok(Undo::by(async move { bed.shell().run(&format!("kill -CONT {pids}")).await.map(drop) }))
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let targets = match self.targets(bed).await {
            // The daemon cannot list a machine that is just going down with its first
            // process: look again.
            Err(error @ Error::Docker { .. }) if self.signal != Signal::Stop => {
                return Ok(Effect::new(false, error.to_string()));
            }
            targets => targets?,
        };
        if self.signal != Signal::Stop {
            return Ok(Effect::new(targets.is_empty(), format!("{} such processes", targets.len())));
        }
        let (mut states, mut parts) = (String::new(), Vec::new());
        for Process { pid, .. } in &targets {
            let script =
                format!("while read -r key value _; do [ $key = State: ] && echo $value; done </proc/{pid}/status");
            let (_, said) = bed.shell().run(&script).await?;
            let state = said.trim();
            states.push_str(state);
            parts.extend((state == "T").then(|| format!("process {pid} is frozen")));
        }
        let frozen = !states.is_empty() && states.chars().all(|state| state == 'T');
        Ok(Effect { parts, ..Effect::new(frozen, format!("process states: {states:?}")) })
    }
}

/// A machine whose every process is frozen; its kernel still answers pings and
/// accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// The node.
    pub node: String,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} paused", self.node)
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for Pause {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let node = bed.node(&self.node)?.clone();
        node.pause().await?;
        Ok(Undo::by(async move {
            // A machine that lost its power meanwhile has nothing to thaw.
            if node.state().await?.paused { node.unpause().await } else { Ok(()) }
        }))
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let paused = bed.node(&self.node)?.state().await?.paused;
        Ok(Effect::new(paused, format!("paused: {paused}")))
    }
}
