//! Schedules: a seed, timed faults and calls of runbooks, as a plan file in TOML.
//!
//! ```toml
//! system = "galera"
//! seed = 7
//!
//! [[fault]]
//! at = "2s"
//! lasts = "8s"
//! kind = "partition"
//! left = ["n1"]
//! right = ["n2", "n3"]
//!
//! [[runbook]]
//! at = "5s"
//! name = "bootstrap"
//! ```

mod span;
mod spec;

#[cfg(test)]
mod tests;

use std::{path::Path, time::Duration};

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::{Record, playable};
use reenact_core::{Error, Result};

pub use span::Span;
pub use spec::{FaultSpec, nodes};

/// A seed, timed faults and calls of runbooks for one system.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The system's name.
    pub system: String,
    /// The seed of the workload.
    #[serde(default)]
    pub seed: u64,
    /// The faults, in any order.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Timed>,
    /// The calls of runbooks, in any order.
    #[serde(default, rename = "runbook", skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// Whether it must be healthy again with no help at the end. Else it may need a
    /// runbook: see [`Remedy`](super::Remedy).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heals_itself: bool,
    /// What nights have seen of the failure that it shows, if a campaign found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Record>,
}

/// A call of a runbook, whatever else is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// When it is called, counted from the steady state.
    pub at: Span,
    /// Its name among the system's remedies.
    pub name: String,
    /// It is killed after this many steps, from 1; without it, it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed_after: Option<usize>,
}

/// A fault and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timed {
    /// When it is injected, counted from the steady state.
    pub at: Span,
    /// How long it lasts; without it, until the schedule's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// What it is, spread over the same table.
    #[serde(flatten)]
    pub fault: FaultSpec,
}

impl Schedule {
    /// Reads a plan file, and holds it against what its system knows.
    ///
    /// # Errors
    /// [`Error::Usage`] with the file's line and what is allowed.
    pub fn load(path: &Path) -> Result<Self> {
        let unreadable = |error| Error::usage(format!("cannot read {}: {error}", path.display()), "name a plan file");
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let no_plan = |why: String| Error::usage(format!("{} is no plan: {why}", path.display()), HELP);
        let schedule = Self::parse(&text).map_err(no_plan)?;
        let playable = playable(&schedule.system)?;
        for (index, timed) in schedule.faults.iter().enumerate() {
            let wrong = |why| no_plan(format!("line {}: {why}", line(&text, index).unwrap_or_default()));
            (playable.check)(timed).map_err(wrong)?;
        }
        for call in &schedule.calls {
            playable.remedy(&call.name)?;
        }
        Ok(schedule)
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with it, with line and caret.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Everything that is done, in order of time: at equal times ends come before
    /// beginnings, and those before calls.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (index, fault) in self.faults.iter().enumerate() {
            events.push(Event { at: fault.at.0, what: Happening::Begins(index) });
            events.extend(fault.lasts.map(|lasts| Event { at: fault.at.0 + lasts.0, what: Happening::Ends(index) }));
        }
        let call = |(index, call): (usize, &Call)| Event { at: call.at.0, what: Happening::Called(index) };
        events.extend(self.calls.iter().enumerate().map(call));
        events.sort();
        events
    }

    /// As a plan file.
    ///
    /// # Errors
    /// [`Error::Bug`] if it cannot be written, as a seed beyond TOML's integers.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Bug(format!("a plan cannot be written: {error}")))
    }

    /// The whole plan file of a finding with that name, with what people read first.
    ///
    /// # Errors
    /// As [`Schedule::to_toml`].
    pub fn to_file(&self, name: &str) -> Result<String> {
        let reason = self.finding.iter().flat_map(|record| record.reason.lines());
        let why: String = reason.map(|line| format!("# {line}\n")).collect();
        Ok(format!("{why}# reenact replay {name}.toml\n\n{}", self.to_toml()?))
    }

    /// The JSON schema of plan files, for editors.
    pub fn schema() -> serde_json::Value {
        schema_for!(Self).into()
    }
}

/// The line on which a fault begins, from 1.
fn line(text: &str, index: usize) -> Option<usize> {
    let table = toml::de::DeTable::parse(text).ok()?;
    let start = table.get_ref().get("fault")?.get_ref().as_array()?.get(index)?.span().start;
    Some(text.get(..start)?.matches('\n').count() + 1)
}

const HELP: &str = "a plan has system, seed, heals_itself (optional), any number of [[fault]] tables with at, lasts \
                    (optional), kind and the kind's own fields, and of [[runbook]] tables with at, name and \
                    killed_after (optional); see docs/plans.md";

/// A moment of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// From the steady state.
    pub at: Duration,
    /// What happens then.
    pub what: Happening,
}

/// What happens at a moment, with its place in the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// A fault is healed.
    Ends(usize),
    /// A fault is injected.
    Begins(usize),
    /// A runbook is called.
    Called(usize),
}
