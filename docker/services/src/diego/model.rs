//! What the BBS keeps, and under which of etcd's keys.

use serde::{Deserialize, Serialize};

/// What the scheduler must know of an application that should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredLrp {
    /// Its id: a GUID with a version, in one word.
    pub process_guid: String,
    /// Who desires it: only where its domain is fresh is the set of desires complete.
    pub domain: String,
    /// How many of it should run.
    pub instances: u32,
    /// By which the Cloud Controller knows whether it is the latest.
    #[serde(default)]
    pub annotation: String,
}

/// What a cell must know in order to run it, apart, since it is long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunInfo {
    /// Its id.
    pub process_guid: String,
    /// How it is started.
    #[serde(default)]
    pub action: String,
}

/// How far an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// No cell has it yet.
    Unclaimed,
    /// A cell will run it.
    Claimed,
    /// A cell runs it.
    Running,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualLrp {
    /// The id of what it is an instance of.
    pub process_guid: String,
    /// Which of the instances it is, from 0.
    pub index: u32,
    /// Its desire's domain.
    pub domain: String,
    /// How far it is.
    pub state: State,
    /// The id of its container; empty while there is none.
    #[serde(default)]
    pub instance_guid: String,
    /// The cell that has it; empty while there is none.
    #[serde(default)]
    pub cell_id: String,
    /// Where that cell is told to stop it, such as `10.0.0.5:1800`.
    #[serde(default)]
    pub cell_address: String,
}

/// Work that is done once. Nobody desires it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub task_guid: String,
    /// Who desires it.
    pub domain: String,
}

/// Which form of data etcd holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    /// The form that it has.
    pub current_version: i64,
    /// The form that it was to be brought into.
    pub target_version: i64,
}

/// The form that this BBS reads and writes: the last migration of 2016-03.
pub const VERSION: Version = Version { current_version: 1_451_635_200, target_version: 1_451_635_200 };

/// The keys.
pub mod key {
    /// The form of data.
    pub const VERSION: &str = "/version";
    /// The folder of scheduling information.
    pub const SCHEDULES: &str = "/v1/desired_lrp/schedule";
    /// The folder of instances.
    pub const ACTUALS: &str = "/v1/actual";
    /// The folder of fresh domains.
    pub const DOMAINS: &str = "/v1/domain";
    /// The folder of tasks.
    pub const TASKS: &str = "/v1/task";

    /// A desire's scheduling information.
    #[must_use]
    pub fn schedule(process_guid: &str) -> String {
        format!("{SCHEDULES}/{process_guid}")
    }

    /// A desire's run information.
    #[must_use]
    pub fn run(process_guid: &str) -> String {
        format!("/v1/desired_lrp/run/{process_guid}")
    }

    /// An instance.
    #[must_use]
    pub fn actual(process_guid: &str, index: u32) -> String {
        format!("{ACTUALS}/{process_guid}/{index}/instance")
    }

    /// A fresh domain.
    #[must_use]
    pub fn domain(domain: &str) -> String {
        format!("{DOMAINS}/{domain}")
    }

    /// A task.
    #[must_use]
    pub fn task(task_guid: &str) -> String {
        format!("{TASKS}/{task_guid}")
    }
}

/// Whether a name can be a part of a key as it is.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // etcd hides keys that begin with an underscore.
    !text.is_empty() && !text.starts_with(['_', '.']) && text.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        assert!(is_name("3a9f-1.v2_x"));
        for text in ["", "..", "a/b", "_hidden", "a b", "a?b", "é"] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn the_keys_are_diego_s() {
        assert_eq!(key::schedule("g"), "/v1/desired_lrp/schedule/g");
        assert_eq!(key::run("g"), "/v1/desired_lrp/run/g");
        assert_eq!(key::actual("g", 2), "/v1/actual/g/2/instance");
    }
}
