//! The contract's steps, and what of each an incident proves.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::incident::{Act, Incident, Kind, Stated, System};

/// A step of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Healthy under its workload; every detector of every system is quiet.
    Steady,
    /// Each fault is in force, by its own proof.
    Injected,
    /// The report's own marks appear.
    Faithful,
    /// The incident's detector fires in time, and no other but those that are true as well.
    Detected,
    /// With the faults healed and nothing done it stays broken.
    Stuck,
    /// Wrong runbooks refuse, are useless, or deceive.
    Wrong,
    /// Healed by the right runbook or by itself, or in the stated harm.
    Ended,
    /// Nothing is left behind.
    Clean,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Steady,
        Self::Injected,
        Self::Faithful,
        Self::Detected,
        Self::Stuck,
        Self::Wrong,
        Self::Ended,
        Self::Clean,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Injected => "injected",
            Self::Faithful => "faithful",
            Self::Detected => "detected",
            Self::Stuck => "stuck",
            Self::Wrong => "wrong",
            Self::Ended => "ended",
            Self::Clean => "clean",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a step is proved, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It is.
    Proved,
    /// It is not, for this reason.
    Reason(String),
}

/// What a contract proves of an incident in a full run, step by step, or why not.
pub fn table<S: System>(incident: &Incident<S>) -> BTreeMap<Step, Proof> {
    fn of<T>(stated: &Stated<T>) -> Proof {
        match stated {
            Stated::Given(_) => Proof::Proved,
            Stated::Not(why) => Proof::Reason(why.clone().into_owned()),
        }
    }
    let over = |proof: fn(&Act<S>) -> Proof| {
        let all: Vec<_> = incident.acts.iter().map(proof).collect();
        if all.contains(&Proof::Proved) { Proof::Proved } else { all.into_iter().next().unwrap_or(Proof::Proved) }
    };
    let injected = over(|act| match act.breaks.iter().any(|action| action.kind == Kind::Fault) {
        true => Proof::Proved,
        false if act.breaks.is_empty() => Proof::Reason("nothing is done to it".into()),
        false => Proof::Reason("an operator's work, and no fault".into()),
    });
    BTreeMap::from([
        (Step::Steady, Proof::Proved),
        (Step::Injected, injected),
        (Step::Faithful, over(|act| of(&act.fingerprints))),
        (Step::Detected, over(|act| of(&act.detected.by))),
        (Step::Stuck, over(|act| of(&act.control))),
        (Step::Wrong, over(|act| of(&act.wrong))),
        (Step::Ended, Proof::Proved),
        (Step::Clean, Proof::Proved),
    ])
}
