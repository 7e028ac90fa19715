//! One run and many: the contract of an incident and its runner, schedules and campaigns,
//! and the recordings of runs that are over.

pub mod archive;
pub mod campaign;
pub mod score;
pub mod stage;

/// What the crate's macros need from other crates.
#[doc(hidden)]
pub mod private {
    pub use inventory;
}
