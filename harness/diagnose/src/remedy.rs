//! What to do about a diagnosis, and what not to do: runbooks in words.
//!
//! Nothing here acts. A runbook's preconditions are checked one by one by what was seen; what a
//! wrong one costs was measured where it was re-enacted.

use serde::Serialize;

use crate::{case::Case, gathered::Gathered};

/// Whether a precondition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// By what was seen.
    Yes,
    /// It is not.
    No,
    /// Nobody looked.
    Unknown,
}

impl From<Option<bool>> for Met {
    fn from(met: Option<bool>) -> Self {
        match met {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Unknown,
        }
    }
}

/// What must be so before a runbook may be begun.
#[derive(Debug, Clone, Copy)]
pub struct Precondition {
    /// What must be so, in words.
    pub what: &'static str,
    /// Whether it is, by what was seen.
    pub met: fn(&[Gathered], &Case) -> Met,
}

/// A precondition that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What must be so.
    pub what: &'static str,
    /// Whether it is.
    pub met: Met,
}

/// What to do where a detector fires.
#[derive(Debug, Clone, Copy)]
pub struct Advice {
    /// The detector.
    pub detector: &'static str,
    /// The runbook that heals it, by its name in the suite.
    pub runbook: &'static str,
    /// Its steps in words.
    pub steps: &'static [&'static str],
    /// What must be so before.
    pub preconditions: &'static [Precondition],
    /// What must not be done, and what it cost where it was re-enacted.
    pub wrong: &'static [(&'static str, &'static str)],
}

impl Advice {
    /// Its preconditions, checked.
    pub fn checked(&self, gathered: &[Gathered], case: &Case) -> Vec<Check> {
        let check =
            |precondition: &Precondition| Check { what: precondition.what, met: (precondition.met)(gathered, case) };
        self.preconditions.iter().map(check).collect()
    }
}

/// A member, and how much it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The member.
    pub node: String,
    /// How much it holds, in the system's own figures.
    pub holds: String,
    /// How far it has come; members of one history are ranked by it. `None`: not known.
    #[serde(skip)]
    pub position: Option<i64>,
}
