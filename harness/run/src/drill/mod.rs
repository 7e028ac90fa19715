//! Drills: a recovery of the user's own, or a person, in the operator's place. The incident, the
//! runner of its steps and the judge are those of every run.

mod external;
mod files;
mod hands;
pub(crate) mod page;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use reenact_core::{
    drill::{Ending, Verdict},
    judge::Findings,
};
use reenact_testbed::Command;

pub use external::External;
pub use files::{Files, program, said};
pub use hands::OverSsh;

/// What is tried on an incident.
pub struct Exercise {
    /// The id of its run, where it is not the scenario's.
    pub title: Option<String>,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Whether a person, or a program in a person's place, sits at it: a shell, with a page of
    /// the symptoms.
    pub by_hand: bool,
    /// Among which diagnoses such a person chooses, to say what it is.
    pub diagnoses: Vec<String>,
    /// Whether it only begins something that goes on, on the nodes: the system has until the limit
    /// to be healthy, and it claims nothing.
    pub goes_on: bool,
    /// Whether it only looks: it is called at the moment of detection, with every fault in force.
    pub looks: bool,
    /// The exit codes by which it says that it does not dare.
    pub refused: BTreeSet<i32>,
    /// How long one call may take.
    pub limit: Duration,
    /// The folder that it finds in a box on the testbed's network; `None`: it runs here.
    pub in_box: Option<PathBuf>,
    /// After how many of its commands it is killed, before it is called once more.
    pub kill: Option<usize>,
    /// Whether it is called once more on the system that it has healed.
    pub again: bool,
    /// Who hears of what happens meanwhile: its kind, and a text.
    pub listener: Listener,
    drilled: Mutex<Option<Drilled>>,
}

/// Hears of what happens: its kind, and a text.
pub type Listener = Box<dyn Fn(&str, &str) + Send + Sync>;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drilled {
    /// What the judge says of it.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// How its last call ended.
    pub ending: Ending,
    /// What the judge found.
    pub found: Findings,
    /// From the first call until every node served.
    pub recover_ms: Option<u64>,
    /// The same from the moment at which the incident was detected.
    pub recover_from_detection_ms: Option<u64>,
    /// For how long clients were not served, from the effect of the fault on.
    pub unavailable_ms: u64,
    /// What was run on the nodes, in the order of their begin.
    pub commands: Vec<Ran>,
    /// After how many of its commands it was killed: fewer than asked for where it had no more.
    pub killed_after: Option<usize>,
    /// Which servers were restarted, ended or started meanwhile.
    pub touched: Vec<String>,
    /// What the second call did on the healthy system that it should not; empty: nothing.
    pub again: Option<Vec<String>>,
}

/// A command that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Where.
    pub node: String,
    /// Its text, on one line.
    pub text: String,
    /// Its exit code, once it had ended.
    pub code: Option<i64>,
}

impl From<Command> for Ran {
    fn from(Command { node, text, code }: Command) -> Self {
        Self { node, text, code }
    }
}

impl Exercise {
    /// A shell, with 15 minutes.
    pub fn shell() -> Self {
        Self { by_hand: true, ..Self::of(Vec::new()) }
    }

    /// This command, with 15 minutes for a call.
    pub fn of(command: Vec<String>) -> Self {
        Self {
            title: None,
            command,
            by_hand: false,
            diagnoses: Vec::new(),
            goes_on: false,
            looks: false,
            refused: BTreeSet::new(),
            limit: Duration::from_secs(15 * 60),
            in_box: None,
            kill: None,
            again: false,
            listener: Box::new(|_, _| {}),
            drilled: Mutex::default(),
        }
    }

    /// What came of it, once it did.
    pub fn drilled(&self) -> Option<Drilled> {
        self.lock().clone()
    }

    pub(crate) fn came_to(&self, drilled: Drilled) {
        *self.lock() = Some(drilled);
    }

    /// How long all its calls may take.
    pub(crate) fn longest(&self) -> Duration {
        self.limit * (1 + u32::from(self.kill.is_some()) + u32::from(self.again) + u32::from(self.goes_on))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Drilled>> {
        self.drilled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
