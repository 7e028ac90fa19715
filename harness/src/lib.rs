//! The engine of **reenact**: it re-enacts reported production incidents on real
//! software in Docker and judges whether detectors notice them and runbooks heal
//! them without harm.
//!
//! The engine knows no incident and no system. Both live in the `scenarios`
//! crate and reach the engine through [`scenario!`] and [`detector!`].
//!
//! | room | what it holds |
//! |---|---|
//! | [`testbed`] | sessions, images, networks, nodes, disks, the helper container, the reaper |
//! | [`fault`] | typed faults: `inject`, proof of effect, `heal` |
//! | [`probe`] | readers of one signal each; the observation stream |
//! | [`detect`] | detectors: pure functions over observations |
//! | [`runbook`] | recoveries with an operator's powers |
//! | [`workload`] | seeded clients and the ledger of what was acknowledged |
//! | [`judge`] | the truth: ledger against contents |
//! | [`stage`] | a run's order, in types: `Steady → Faulted → Detected → Healed` |
//! | [`campaign`] | the registry of scenarios, and running many of them |
//! | [`archive`] | runs that are over: read back, rescored, merged, packed |
//! | [`compare`] | a session against an earlier one: what became worse |
//! | [`report`] | terminal, JSON lines, JUnit, the run's folder |

pub mod archive;
pub mod campaign;
pub mod cli;
mod clock;
pub mod compare;
pub mod detect;
mod error;
pub mod fault;
pub mod judge;
pub mod probe;
pub mod report;
pub mod runbook;
pub mod stage;
pub mod testbed;
pub mod wait;
pub mod workload;

pub use error::{Error, Result};

/// What the crate's macros need from other crates.
#[doc(hidden)]
pub mod private {
    pub use inventory;
}
