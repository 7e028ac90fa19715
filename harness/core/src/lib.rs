//! What needs no Docker and no network: observations and detectors over them, runbooks and
//! the operator's powers that they act through, the workload's ledger, and the judge.
//!
//! The lowest of the engine's crates: `alerts` and `testbed` stand on it, then `run` and `report`.

mod clock;
pub mod detect;
pub mod drill;
mod error;
pub mod file;
pub mod fingerprint;
pub mod journal;
pub mod judge;
pub mod metrics;
pub mod poll;
pub mod probe;
pub mod progress;
pub mod runbook;
pub mod stats;
pub mod workload;

pub use error::{Error, Result};

/// What the crate's macros need from other crates.
#[doc(hidden)]
pub mod private {
    pub use inventory;
}
