//! Signals to processes and machines.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::{
    EXPORTERS, Testbed,
    alive::{self, Alive, alive},
};
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
    async fn targets(&self, bed: &Testbed) -> Result<Vec<Alive>> {
        let all = alive(bed, bed.node(&self.node)?).await?;
        let is_meant = |command: &str| command.contains(&self.process) && !command.starts_with(EXPORTERS);
        Ok(all.into_iter().filter(|process| is_meant(&process.command)).collect())
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
        let targets = self.targets(bed).await?;
        if self.signal != Signal::Stop {
            return Ok(Effect::new(targets.is_empty(), format!("{} such processes", targets.len())));
        }
        let states: String = targets.iter().map(|process| process.state.as_str()).collect();
        let stopped = targets.iter().filter(|process| process.state == "T");
        let parts: Vec<_> = stopped.map(|process| format!("process {} is frozen", process.pid)).collect();
        let frozen = !parts.is_empty() && parts.len() == targets.len();
        Ok(Effect { parts, ..Effect::new(frozen, format!("process states: {states:?}")) })
    }

    fn is_lasting(&self) -> bool {
        self.signal != Signal::Stop
    }
}

/// A process that dies soon after each start, whatever starts it: within half a second of it.
/// Its supervisor's loop, with its limits and its waits, is the real one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrashLoop {
    /// The node.
    pub node: String,
    /// A word of the process's command line, such as `mariadbd`.
    pub process: String,
}

impl fmt::Display for CrashLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} killed after each start", self.process, self.node)
    }
}

/// A process that is killed after each start is never as old as this, in seconds, on a busy machine either.
const OLD_S: u64 = 10;

/// Prints the processes' ages in seconds, by their start in the kernel's ticks of 10 ms.
const AGES: &str = r#"read -r now _ </proc/uptime
for pid in PIDS; do
  read -r stat </proc/$pid/stat && set -- ${stat##*) } && echo $((${now%.*} - ${20} / 100))
done 2>/dev/null"#;

impl CrashLoop {
    async fn targets(&self, bed: &Testbed) -> Result<Vec<Alive>> {
        let kill = Kill { node: self.node.clone(), process: self.process.clone(), signal: Signal::Kill };
        kill.targets(bed).await
    }

    /// Where the helper keeps the process id of what kills, in a shell word.
    fn mark(&self, bed: &Testbed) -> Result<String> {
        let word: String = self.process.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        Ok(format!("/run/crash-loop-{}-{word}", bed.node(&self.node)?.id()))
    }

    /// Starts what kills in the helper, where it outlives this shell's script.
    fn start(&self, bed: &Testbed) -> Result<String> {
        let look = alive::script(bed.node(&self.node)?.id());
        let script = format!(
            r#"while sleep 0.3; do {look} | while read -r pid own state waits_in command; do
                 case $command in {EXPORTERS}*) ;; *"$1"*) kill -KILL $pid;; esac
               done; done"#
        );
        let word = |text: &str| shlex::try_quote(text).map(String::from);
        let (script, process) = (word(&script), word(&self.process));
        let (Ok(script), Ok(process)) = (script, process) else {
            return Err(Error::usage(format!("no process is called {:?}", self.process), "leave out the NUL"));
        };
        let mark = self.mark(bed)?;
        Ok(format!("setsid bash -c {script} crash-loop {process} >/dev/null 2>&1 & echo $! >{mark}"))
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for CrashLoop {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        if self.targets(bed).await?.is_empty() {
            return Err(Error::inconclusive(format!("no process {} runs on {}", self.process, self.node)));
        }
        bed.shell().must(&self.start(bed)?).await?;
        let (mark, bed) = (self.mark(bed)?, bed.clone());
        Ok(Undo::by(async move { bed.shell().must(&format!("kill -- -$(<{mark}); rm {mark}")).await.map(drop) }))
    }

    /// What kills is at work, and no process of that name is old.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let at_work = bed.shell().run(&format!("kill -0 -- -$(<{})", self.mark(bed)?)).await?.0 == 0;
        let pids: Vec<_> = self.targets(bed).await?.iter().map(|process| process.pid.to_string()).collect();
        let ages = bed.shell().run(&AGES.replace("PIDS", &pids.join(" "))).await?.1;
        let ages: Vec<u64> = ages.split_whitespace().filter_map(|age| age.parse().ok()).collect();
        let holds = at_work && ages.iter().all(|age| *age < OLD_S);
        Ok(Effect::new(holds, format!("{} such processes, aged {ages:?} s", pids.len())))
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
        let all = alive(bed, bed.node(&self.node)?).await?;
        let frozen = all.iter().filter(|process| process.is_frozen()).count();
        let paused = frozen > 0 && frozen == all.len();
        Ok(Effect::new(paused, format!("{frozen} of {} processes in the freezer", all.len())))
    }
}
